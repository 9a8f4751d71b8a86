"""A long command says how far it has come, and a quick one nothing."""

from shared import progress
from shared.progress import Progress


def test_what_is_quick_says_nothing(capsys):
    Progress(1200, "gifts").reached(400)

    assert capsys.readouterr().out == ""


def test_what_takes_long_says_how_many_of_how_many(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SAID_EVERY_S", 0.0)

    Progress(1200, "gifts").reached(400)

    assert capsys.readouterr().out == "400 of 1,200 gifts\n"
