"""The AsyncAPI document says what the code does, and is one by the published schema."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared import asyncapi
from shared.inbox import handlers_of
from shared.kafka import topics
from shared.messages import by_type, parse
from tests.contracts.conftest import ROOT, SERVICES

PUBLISHED = Path(__file__).parent / "asyncapi" / "asyncapi-3.0.0.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads((ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))


def test_the_document_is_what_the_code_says(document: dict[str, Any]) -> None:
    assert asyncapi.document() == document, "run `python -m shared.asyncapi`"
    assert yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")) == document


def test_it_is_an_asyncapi_document(document: dict[str, Any]) -> None:
    schema = jsonschema.Draft7Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))

    schema.validate(document)

    assert list(schema.iter_errors(document | {"channels": {"x": {"adress": "x"}}})), "a control"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found: Any = document
        for step in reference.split("/"):
            found = found[step]


def test_every_message_and_topic_is_there(document: dict[str, Any]) -> None:
    messages = document["components"]["messages"]

    assert set(messages) == {*by_type, asyncapi.TOMBSTONE}
    assert set(document["channels"]) == {each.name for each in topics()}
    assert all(each["summary"] for each in messages.values())


@pytest.mark.parametrize("kind", sorted(by_type))
def test_an_example_is_a_message(kind: str, document: dict[str, Any]) -> None:
    (example,) = document["components"]["messages"][kind]["examples"]

    told = parse(kind, example["payload"])

    jsonschema.validate(example["payload"], document["components"]["messages"][kind]["payload"])
    jsonschema.validate(example["headers"], document["components"]["schemas"]["headers"])
    assert told.key_text == example["headers"]["ce_subject"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_receives_what_it_has_handlers_for(service: str, document: dict[str, Any]) -> None:
    told = {
        reference["$ref"].rpartition("/")[2].removesuffix(".tombstone")
        for name, operation in document["operations"].items()
        if name.startswith(f"{service}.receive.")
        for reference in operation["messages"]
    }
    has_consumers = (ROOT / "services" / service / "consumers.py").exists()

    heard = set(handlers_of(import_module(f"services.{service}.consumers"))) if has_consumers else set()

    assert told == heard


def test_secrets_and_contacts_are_explained(document: dict[str, Any]) -> None:
    issued = document["components"]["messages"]["sign_in.link_issued"]["payload"]["properties"]["contact"]

    assert issued["description"] == asyncapi.CONTACT
    assert asyncapi.SECRET in issued["properties"]["link"]["description"]
