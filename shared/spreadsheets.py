"""Files for a spreadsheet: cells that it shows as they are, and never runs."""

import csv
import io
import unicodedata
from collections.abc import Iterable
from datetime import datetime

from shared.clock import ZONE

FORMULA = ("=", "+", "-", "@", "\t", "\r")
MOMENT = {"fr": "%d/%m/%Y %H:%M", "en": "%Y-%m-%d %H:%M"}
"""What a spreadsheet set to that language reads as a day and a time."""


def csv_file(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """With a byte order mark and every cell quoted: accents and commas survive any spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(heads)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()


def moment(at: datetime | None, locale: str) -> str:
    """Day and time where the school is; nothing for what did not happen."""
    return f"{at.astimezone(ZONE):{MOMENT[locale]}}" if at else ""


def harmless(cell: str) -> str:
    """The cell, with an apostrophe in front when a spreadsheet would take it for a formula.

    Some take wide signs (`＝`) for narrow ones, or look past spaces and signs that do not show.
    """
    return f"'{cell}" if cell.startswith(FORMULA) or _first_sign(cell).startswith(FORMULA) else cell


def _first_sign(cell: str) -> str:
    """The first sign that shows, as a narrow one."""
    shown = (each for each in cell if not each.isspace() and unicodedata.category(each) != "Cf")
    return unicodedata.normalize("NFKC", next(shown, ""))
