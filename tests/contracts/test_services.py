"""What a service says of itself at its top is what its code does: Says, Hears, Doors; and Owns is told."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from flask import Flask

from shared.inbox import handlers_of
from shared.messages import Message, by_type
from tests.contracts.conftest import SERVICES, routes

SECTIONS = ("Owns", "Says", "Hears", "Doors")
TYPE = re.compile(r"\b[a-z_]+\.[a-z_]+\b")
MESSAGES = {kind.__name__: kind for kind in by_type.values()}


def told(service: str) -> dict[str, str]:
    """The sections of a service's docstring, by their names."""
    text = import_module(f"services.{service}").__doc__ or ""
    parts = re.split(rf"^({'|'.join(SECTIONS)})\b", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def folder(service: str) -> Path:
    return Path(import_module(f"services.{service}").__file__ or "").parent


def types_in(text: str) -> set[str]:
    """The types of messages that a text names, known or not; topics and files are none."""
    found = {each for each in TYPE.findall(text) if not each.endswith(".py")}
    return {each for each in found if not each.startswith("amicale.")}


def messages_made(tree: ast.AST) -> set[type[Message]]:
    """The messages that code makes: `PersonCard(…)`, `DonationFailed.of(…)`, `PersonCard.tombstone(…)`."""
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [each.value if isinstance(each, ast.Attribute) else each for each in called]
    return {MESSAGES[each.id] for each in names if isinstance(each, ast.Name) and each.id in MESSAGES}


def said_by(service: str) -> set[type[Message]]:
    """The messages that a service's code makes."""
    files = [path for path in folder(service).rglob("*.py") if "migrations" not in path.parts]
    return {kind for path in files for kind in messages_made(ast.parse(path.read_text(encoding="utf-8")))}


def commands_of(service: str) -> set[str]:
    """Modules that are run by `python -m`."""
    return {path.stem for path in folder(service).glob("*.py") if "__main__" in path.read_text()}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_tells_all_four(service: str) -> None:
    found = told(service)

    assert set(found) == set(SECTIONS)
    assert all(len(each.strip(" :\n")) > 5 for each in found.values())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_says_what_it_says_it_says(service: str) -> None:
    assert types_in(told(service)["Says"]) == {kind.type for kind in said_by(service)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_names_the_topics_it_says_them_on(service: str) -> None:
    named = set(re.findall(r"amicale\.[a-z_]+", told(service)["Says"]))

    assert named == {kind.topic for kind in said_by(service)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_hears_what_it_says_it_hears(service: str) -> None:
    has_consumers = (folder(service) / "consumers.py").exists()
    heard = handlers_of(import_module(f"services.{service}.consumers")) if has_consumers else {}

    assert types_in(told(service)["Hears"]) == set(heard)


WAYS_IN = {"consumers.py": "consumers", "schedule.py": r"clock|schedule", "webhooks.py": "/webhooks/"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_doors_it_says_it_has(service: str, applications: dict[str, Flask]) -> None:
    doors = told(service)["Doors"]

    assert f"/api/v1/{service}" in doors
    for file, word in WAYS_IN.items():
        assert bool(re.search(word, doors)) == (folder(service) / file).exists(), f"{service}: {file}"
    for command in commands_of(service):
        assert re.search(rf"\b{command}\b", doors), f"{service}: python -m services.{service}.{command}"
    ours = {rule for _, rule, policy in routes(applications[service]) if policy != "internal"}
    assert {"/" + rule.split("/")[1] for rule in ours} <= {"/api", "/static"} | (
        {"/webhooks"} if "/webhooks/" in doors else set()
    )


def test_what_nobody_says_is_heard_by_nobody() -> None:
    said = {kind.type for service in SERVICES for kind in said_by(service)}
    heard = {each for service in SERVICES for each in types_in(told(service)["Hears"])}

    assert heard <= said == set(by_type)


def test_a_message_that_is_made_is_noticed() -> None:
    """The control: code that says something more than the docstring is not overlooked."""
    code = (
        "publish(session, DonationFailed.of(gift)); outbox.row(PersonCard(person_id=1)); hears(AccountOpened)"
    )

    assert {kind.type for kind in messages_made(ast.parse(code))} == {"donation.failed", "person.card"}
    assert types_in("`donation.failed` on `amicale.giving` (consumers.py); nothing.") == {"donation.failed"}
