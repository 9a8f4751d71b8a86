"""Files for a spreadsheet: cells that it shows as they are, and never runs."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime

from shared.clock import ZONE
from shared.money import decimal_text

FORMULA = ("=", "+", "-", "@", "\t", "\r")
MOMENT = {"fr": "%d/%m/%Y %H:%M", "en": "%Y-%m-%d %H:%M"}
DAY = {"fr": "%d/%m/%Y", "en": "%Y-%m-%d"}
"""What a spreadsheet set to that language reads as a day and a time, and as a day."""
DECIMAL = {"fr": ",", "en": "."}
AT_ONCE = 500


def csv_file(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """With a byte order mark and every cell quoted: accents and commas survive any spreadsheet."""
    return "".join(csv_parts(heads, rows))


def csv_parts(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The same file a part at a time, for as many rows as there are."""
    out = io.StringIO("\ufeff", newline="")
    out.seek(0, io.SEEK_END)
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(heads)
    for number, row in enumerate(rows, 1):
        writer.writerow([harmless(cell) for cell in row])
        if number % AT_ONCE == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def moment(at: datetime | None, locale: str) -> str:
    """Day and time where the school is; nothing for what did not happen."""
    return f"{at.astimezone(ZONE):{MOMENT[locale]}}" if at else ""


def day(at: datetime | None, locale: str) -> str:
    """The day where the school is."""
    return f"{at.astimezone(ZONE):{DAY[locale]}}" if at else ""


def amount(minor: int, currency: str, locale: str) -> str:
    """In units of the currency, as a spreadsheet set to that language reads it."""
    return decimal_text(minor, currency).replace(".", DECIMAL[locale])


def harmless(cell: str) -> str:
    """The cell, with an apostrophe in front when a spreadsheet would take it for a formula.

    Some take wide signs (`＝`) for narrow ones, or look past spaces and signs that do not show.
    """
    if cell[:1].isascii() and cell[:1].isalnum():
        return cell
    return f"'{cell}" if cell.startswith(FORMULA) or _first_sign(cell).startswith(FORMULA) else cell


def _first_sign(cell: str) -> str:
    """The first sign that shows, as a narrow one."""
    shown = (each for each in cell if not each.isspace() and unicodedata.category(each) != "Cf")
    return unicodedata.normalize("NFKC", next(shown, ""))
