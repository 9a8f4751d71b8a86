"""Cells that a spreadsheet shows as they are, and never runs."""

import unicodedata

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """The cell, with an apostrophe in front when a spreadsheet would take it for a formula.

    Some take wide signs (`＝`) for narrow ones, or look past spaces and signs that do not show.
    """
    return f"'{cell}" if cell.startswith(FORMULA) or _first_sign(cell).startswith(FORMULA) else cell


def _first_sign(cell: str) -> str:
    """The first sign that shows, as a narrow one."""
    shown = (each for each in cell if not each.isspace() and unicodedata.category(each) != "Cf")
    return unicodedata.normalize("NFKC", next(shown, ""))
