"""What the OpenAPI documents promise of answers: room for new fields, and which ones are always there."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.contracts.conftest import SERVICES

SOMETIMES = {
    "directory": {"Problem": {"detail", "errors", "request_id"}},
    "events": {"Problem": {"detail", "errors", "request_id"}, "EventShown": {"online_url", "overbooked_by"}},
    "giving": {"Problem": {"detail", "errors", "request_id"}},
    "notify": {
        "Problem": {"detail", "errors", "request_id"},
        "DifferenceShown": {"ours", "theirs"},
        "PartyState": {
            "person_id", "given_name", "family_name", "email", "locale", "class_year", "status",
            "contactable", "giving", "donations", "registrations",
        },
    },
}  # fmt: skip
"""What some answers do not have: one more deserves a second look, one fewer breaks no reader."""


@pytest.fixture(scope="module")
def documents(applications: dict[str, Flask]) -> dict[str, Any]:
    return {
        name: app.test_client().get(f"/api/v1/{name}/openapi.json").get_json()
        for name, app in applications.items()
    }


def named(part: Any) -> Iterator[str]:
    """Names of the schemas that a part of a document refers to."""
    if isinstance(part, dict):
        if part.get("$ref", "").startswith("#/components/schemas/"):
            yield part["$ref"].rpartition("/")[2]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from named(each)


def reached(document: dict[str, Any], parts: Any) -> dict[str, dict[str, Any]]:
    """The schemas that these parts refer to, with those inside them."""
    found: dict[str, dict[str, Any]] = {}
    waiting = list(named(parts))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = document["components"]["schemas"][name]
            waiting += named(found[name])
    return found


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for item in document["paths"].values() for each in item.values() if "responses" in each]


def answered(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    parts = [each["responses"] for each in operations(document)]
    return reached(document, [parts, document.get("webhooks")])


def asked(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return reached(document, [each.get("requestBody") for each in operations(document)])


@pytest.mark.parametrize("service", SERVICES)
def test_answers_may_have_more_fields_tomorrow_and_wishes_not_one_more(
    service: str, documents: dict[str, Any]
) -> None:
    answers, wishes = answered(documents[service]), asked(documents[service])

    assert [name for name, each in answers.items() if each.get("additionalProperties") is False] == []
    assert [name for name, each in wishes.items() if each.get("additionalProperties") is not False] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_field_of_an_answer_is_promised_but_those_that_are_there_sometimes(
    service: str, documents: dict[str, Any]
) -> None:
    left_out = {
        name: missing
        for name, each in answered(documents[service]).items()
        if (missing := set(each.get("properties", ())) - set(each.get("required", ())))
    }

    assert left_out == SOMETIMES[service]


def test_a_wish_that_is_answered_too_asks_for_no_more_than_before(documents: dict[str, Any]) -> None:
    schemas = documents["directory"]["components"]["schemas"]

    assert schemas["DegreeWish"]["properties"] == schemas["DegreeShown"]["properties"]
    assert schemas["DegreeWish"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["DegreeShown"]
    assert "DegreeWish" in set(named(schemas["PersonWish"]))


@pytest.mark.parametrize("service", SERVICES)
def test_every_status_of_a_gift_an_event_or_a_registration_is_told(
    service: str, documents: dict[str, Any]
) -> None:
    untold = [
        name
        for name, each in answered(documents[service]).items()
        if name not in {"Problem", "ImportShown", "ImportWhole"}
        and (status := each.get("properties", {}).get("status")) is not None
        and not status.get("enum")
    ]

    assert untold == []
