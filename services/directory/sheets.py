"""Sheets: a CSV file as a registrar's tools write it, read as rows of cells.

UTF-8 (with or without BOM) or Windows-1252; `;`, `,` or tab; headers in French or English. A file that
is none of this is refused whole, before anything is kept of it.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from services.directory.names import unaccented
from shared.errors import Refused

ROWS_MAX = 200_000
COLUMNS_MAX = 200
ENCODINGS = ("utf-8", "windows-1252")
DELIMITERS = (";", ",", "\t")

ALIASES = {
    "school_id": "n etudiant|no etudiant|numero etudiant|numero d etudiant|matricule|identifiant|ine"
    "|student id|student number|school id|registration number|id",
    "family_name": "nom d usage|nom usage|nom usuel|nom|nom de famille|last name|family name|surname",
    "birth_name": "nom de naissance|nom patronymique|nom de jeune fille|birth name|maiden name",
    "given_name": "prenom|prenom civil|prenom de naissance|first name|given name|forename",
    "preferred_name": "prenom d usage|prenom usuel|prenom choisi|preferred name|preferred first name",
    "born_on": "date de naissance|ne e le|ne le|date of birth|birth date|birthdate",
    "programme": "diplome|intitule du diplome|libelle du diplome|formation|filiere|programme|program|degree",
    "class_year": "annee d obtention|annee du diplome|annee de diplome|annee|promotion|promo"
    "|class year|graduation year|year of graduation|class|year",
    "email": "courriel|adresse courriel|adresse electronique|adresse mail|e mail|email|mail|email address",
    "city": "ville|commune|city|town",
    "locale": "langue|language|locale",
    "contact": "accord contact o n|accord contact|accord de contact"
    "|contact allowed y n|contact allowed|may contact",
}
_FIELDS = {alias: field for field, aliases in ALIASES.items() for alias in aliases.split("|")}
REQUIRED = ("school_id", "given_name")
FOUND_SHOWN = 20
_OTHER_FORMATS = (b"PK\x03\x04", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\xd0\xcf")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class FileRefused(Refused):
    """This file cannot be read as a table of people."""


class NotText(FileRefused):
    """This file is a workbook, a picture or a document: save the sheet as CSV first."""


class EncodingUnknown(FileRefused):
    """This file is neither UTF-8 nor Windows-1252: save it as CSV in UTF-8."""


class FileEmpty(FileRefused):
    """This file has no rows of people."""


class FileTooLong(FileRefused):
    """This file has more than 200,000 rows; send it in parts."""


class ColumnsTooMany(FileRefused):
    """This file has more than 200 columns, or a row of it has; see `row`."""


class ColumnMissing(FileRefused):
    """A needed column is missing; see `columns`, and `found` for the headers that are there."""


class ColumnTwice(FileRefused):
    """Two columns have the same meaning; see `columns`."""


class QuoteNotClosed(FileRefused):
    """A quotation mark is opened and never closed; see `row`."""


class CellTooLong(FileRefused):
    """A cell is far too long; see `row`."""


@dataclass(frozen=True)
class Sheet:
    """A readable file: how it is written, and which of our fields stands in which column."""

    stream: BinaryIO
    encoding: str
    delimiter: str
    header: list[str]
    fields: dict[str, int]

    @property
    def columns(self) -> dict[str, str]:
        """The header that each of our fields was found under."""
        return {field: self.header[at] for field, at in self.fields.items()}

    @property
    def ignored(self) -> list[str]:
        """Headers that mean nothing to us."""
        return [name for at, name in enumerate(self.header) if at not in self.fields.values()]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that is not blank, with the number of its line in the sheet (the header is line 1)."""
        for row, cells in enumerate(_cells(self.stream, self.encoding, self.delimiter), 1):
            if row > ROWS_MAX + 1:
                raise FileTooLong
            if len(cells) > COLUMNS_MAX:
                raise ColumnsTooMany(row=row)
            if row > 1 and any(cell.strip() for cell in cells):
                yield row, cells


def open_sheet(stream: BinaryIO) -> Sheet:
    """Find out how the file is written; FileRefused, with what to do, when it is not a table of people."""
    encoding = _encoding(stream)
    delimiter, header = max(
        ((delimiter, _header(stream, encoding, delimiter)) for delimiter in DELIMITERS),
        key=lambda found: (len(_known(found[1])), len(found[1])),
    )
    if len(header) > COLUMNS_MAX:
        raise ColumnsTooMany(row=1)
    fields: dict[str, int] = {}
    for at, field in _known(header):
        if field in fields:
            raise ColumnTwice(columns=[header[fields[field]], header[at]])
        fields[field] = at
    missing = [field for field in REQUIRED if field not in fields]
    if "family_name" not in fields and "birth_name" not in fields:
        missing.append("family_name")
    if missing:
        raise ColumnMissing(columns=missing, found=[name for name in header if name][:FOUND_SHOWN])
    return Sheet(stream, encoding, delimiter, header, fields)


def _encoding(stream: BinaryIO) -> str:
    """UTF-8 when the whole file is, else Windows-1252; FileEmpty, NotText for what begins like a workbook or
    a picture, EncodingUnknown for UTF-16 and the rest. (A NUL further down is the fault of its row.)
    """
    stream.seek(0)
    first = stream.readline(4096)
    if not first.removeprefix(b"\xef\xbb\xbf"):
        raise FileEmpty
    if first.startswith(_UTF_16):
        raise EncodingUnknown
    if first.startswith(_OTHER_FORMATS) or b"\x00" in first:
        raise NotText
    possible = list(ENCODINGS)
    for encoding in ENCODINGS:
        stream.seek(0)
        reader = io.TextIOWrapper(stream, encoding=encoding, newline="")
        try:
            while reader.read(1 << 16):
                pass
        except UnicodeDecodeError:
            possible.remove(encoding)
        finally:
            reader.detach()
        if encoding in possible:
            return encoding
    raise EncodingUnknown


def _cells(stream: BinaryIO, encoding: str, delimiter: str) -> Iterator[list[str]]:
    stream.seek(0)
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    row = 0
    try:
        for cells in csv.reader(text, delimiter=delimiter, strict=True):
            row += 1
            yield cells
    except csv.Error as error:
        wrong = CellTooLong if "limit" in str(error) else QuoteNotClosed
        raise wrong(row=row + 1) from None
    finally:
        text.detach()


def _header(stream: BinaryIO, encoding: str, delimiter: str) -> list[str]:
    """The header's cells, and no more of them than show that it has too many."""
    try:
        first = next(_cells(stream, encoding, delimiter), [])[: COLUMNS_MAX + 1]
    except FileRefused:
        return []
    return [" ".join(cell.split())[:100] for cell in first]


def _known(header: list[str]) -> list[tuple[int, str]]:
    named = ((at, _FIELDS.get(unaccented(name))) for at, name in enumerate(header))
    return [(at, field) for at, field in named if field]
