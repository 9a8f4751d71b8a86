"""Cells of exports: shown as they are, never run."""

import pytest

from shared.spreadsheets import harmless


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠x", " =1", "\u3000＝1", "\u200b=1"],
)
def test_what_a_spreadsheet_might_run_is_made_harmless(cell):
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", " ", "Zoé", "1-2", "a=b", "zoe@example.org", " Le Goff", "＃1"])
def test_other_cells_stay_as_they_are(cell):
    assert harmless(cell) == cell
