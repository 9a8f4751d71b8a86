"""The console has a word for everything that the services may say, and French for everything it says."""

import re
from pathlib import Path

import pytest
from babel.messages import extract, pofile

from web import console
from web.clients import Problem
from web.console import imports, reconciliation

ROOT = Path(__file__).parents[2]
METHODS = [("**/templates/**.html", "jinja2"), ("**.py", "python")]


def said_in_giving() -> set[str]:
    """Every kind of finding that giving's code records."""
    source = "\n".join(path.read_text() for path in (ROOT / "services" / "giving").glob("*.py"))
    calls = r"(?:findings\.(?:record|mismatch)\(\s*session,|_unexplained\(|_differs\(|Difference\()"
    return set(re.findall(calls + r'\s*"([a-z_]+)"', source))


def test_every_kind_of_difference_has_words(app) -> None:
    with app.test_request_context():
        known = set(reconciliation.kinds())

    assert len(said_in_giving()) > 5
    assert said_in_giving() == known


def test_every_refusal_of_a_file_has_words(app) -> None:
    source = (ROOT / "services" / "directory" / "sheets.py").read_text()
    names = re.findall(r"class (\w+)\(FileRefused\)", source)
    codes = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() for name in names]

    with app.test_request_context():
        told = [imports.refusal(Problem("directory", 422, {"code": code})) for code in codes]
        other = imports.refusal(Problem("directory", 422, {"code": "something_new"}))

    assert len(codes) > 5
    assert len({*told, other}) == len(codes) + 1


@pytest.mark.parametrize("face", ["console", "portal"])
def test_every_sentence_has_its_french(face: str) -> None:
    folder = ROOT / "web" / face
    known = {
        message.id if isinstance(message.id, str) else message.id[0]: message.string
        for words in (ROOT / "web").glob("*/words/fr.po")
        for message in pofile.read_po(words.open("rb"))
    }
    asked = [found[2] for found in extract.extract_from_dir(folder, METHODS)]

    missing = {each if isinstance(each, str) else each[0] for each in asked} - {
        k for k, v in known.items() if v
    }

    assert console.pages.name == "console"
    assert not missing
