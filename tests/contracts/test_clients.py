"""A client that a generator makes of each service's document: without a warning, typed, and it works."""

import importlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from shared.errors import DomainError, code_of
from tests.contracts.conftest import SERVICES
from tests.support.donor import Donor, eventually
from tests.support.stack import RunningStack
from tests.support.staff import ALUMNI_EMAIL, sign_in_staff

BY_COMMAND_ALONE = {"OfficerThere", "NotAnOfficer", "AccountThere"}
"""Rules of `python -m services.directory.first_officer`, which no route tells."""
BYTES = {"image/webp": "application/octet-stream"}
"""What the generator has no reader of its own for."""
SPOKEN_BY_NONE = {"FileRefused", "EntityWithoutAccount", "PictureRefused"}
"""What only its own kinds say, and what several routes say in the words of the payment gateway."""


@pytest.fixture(scope="module")
def documents(applications: dict[str, Flask]) -> dict[str, dict[str, Any]]:
    return {
        name: app.test_client().get(f"/api/v1/{name}/openapi.json").get_json()
        for name, app in applications.items()
    }


@pytest.fixture(scope="module")
def clients(
    applications: dict[str, Flask], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[Any]]]:
    """What the generator said of each document; the clients can be imported as `amicale_<service>`."""
    folder = tmp_path_factory.mktemp("clients")
    said = {}
    for name, app in applications.items():
        document = folder / f"{name}.json"
        document.write_text(app.test_client().get(f"/api/v1/{name}/openapi.json").text, encoding="utf-8")
        config = Config.from_sources(
            ConfigFile(post_hooks=[], content_type_overrides=BYTES),
            MetaType.NONE,
            document,
            "utf-8",
            True,
            folder / f"amicale_{name}",
        )
        said[name] = list(generate(config=config))
    sys.path.insert(0, str(folder))
    yield said
    sys.path.remove(str(folder))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield f"{method.upper()} {path}", operation


@pytest.mark.parametrize("service", SERVICES)
def test_the_generator_has_nothing_to_say(service: str, clients: dict[str, list[Any]]) -> None:
    assert [(each.header, each.detail) for each in clients[service]] == []


def test_a_generated_client_is_typed(clients: dict[str, list[Any]]) -> None:
    folder = Path(importlib.import_module("amicale_giving").__file__ or "").parent
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "mypy")]

    said = subprocess.run([*command, "amicale_giving"], cwd=folder.parent, capture_output=True, text=True)

    assert said.returncode == 0, said.stdout


def test_names_of_operations_are_unique_and_tell_the_service(documents: dict[str, dict[str, Any]]) -> None:
    names = [
        (service, each["operationId"]) for service in SERVICES for _, each in operations(documents[service])
    ]

    assert all(name.startswith(f"{service}_") and name.isidentifier() for service, name in names)
    assert len(set(names)) == len(names)
    assert {"giving_create_donation", "events_create_registration", "directory_list_people"} <= {
        name for _, name in names
    }


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_and_noun_is_told(service: str, documents: dict[str, dict[str, Any]]) -> None:
    document = documents[service]

    assert document["servers"][0]["url"]
    assert all(tag["description"] for tag in document["tags"])
    for where, operation in operations(document):
        assert operation["summary"], where
        assert any(status.startswith("2") for status in operation["responses"]), where


@pytest.mark.parametrize("service", SERVICES)
def test_every_rule_that_may_say_no_stands_in_the_document(
    service: str, documents: dict[str, dict[str, Any]]
) -> None:
    told = {
        code
        for _, operation in operations(documents[service])
        for answer in operation["responses"].values()
        for code in answer.get("x-codes", ())
    }

    rules = [each for each in _kinds(DomainError) if each.__module__.startswith(f"services.{service}.")]

    left_out = BY_COMMAND_ALONE | SPOKEN_BY_NONE
    assert {code_of(each) for each in rules if each.__name__ not in left_out} <= told


def _kinds(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def test_what_waits_tells_how_long(documents: dict[str, dict[str, Any]]) -> None:
    answers = documents["giving"]["paths"]["/api/v1/giving/donations"]["post"]["responses"]

    assert {status for status in answers if "Retry-After" in answers[status].get("headers", {})} == {
        "409",
        "429",
        "503",
    }


def call(service: str, noun: str, operation: str) -> ModuleType:
    return importlib.import_module(f"amicale_{service}.api.{noun}.{service}_{operation}")


def client_of(service: str, stack: RunningStack, **options: Any) -> Any:
    """A client of a service, with a token (and its prefix) or without."""
    package = importlib.import_module(f"amicale_{service}")
    kind = package.AuthenticatedClient if options else package.Client
    return kind(base_url=stack.url, raise_on_unexpected_status=True, timeout=30.0, **options)


def models(service: str) -> Any:
    return importlib.import_module(f"amicale_{service}.models")


def token_for(stack: RunningStack, secret: str) -> str:
    """A token for five minutes, as the mobile door gets it."""
    with client_of("directory", stack, token=secret, prefix="Session") as http:
        return str(call("directory", "tokens", "create_token").sync(client=http).token)


@pytest.mark.stack
def test_an_alumna_signs_in_and_gives_by_the_client(
    stack: RunningStack, clients: dict[str, list[Any]]
) -> None:
    wish = models("directory").SignInWish(email=ALUMNI_EMAIL, password=stack.secret("demo_alumni_password"))
    opened = call("directory", "sessions", "create_session").sync(
        client=client_of("directory", stack), body=wish
    )
    giving = client_of("giving", stack, token=token_for(stack, opened.secret))
    live = models("giving").GivingListCampaignsStatus.LIVE
    campaign = call("giving", "campaigns", "list_campaigns").sync(client=giving, status=live).items[0]

    begun = call("giving", "donations", "create_donation").sync(
        client=giving,
        body=models("giving").DonationWish(campaign_id=campaign.id, amount_minor=2_500),
        idempotency_key=str(uuid4()),
    )
    Donor(stack).press(begun.checkout_url)

    link = call("giving", "gift_links", "get_gift_link")
    eventually(lambda: link.sync(begun.link, client=giving).status == "settled")
    mine = call("giving", "my_donations", "list_my_donations").sync(client=giving)
    assert begun.id in [each.id for each in mine.items]


@pytest.mark.stack
def test_a_refusal_is_typed_too(stack: RunningStack, clients: dict[str, list[Any]]) -> None:
    refused = call("giving", "donations", "create_donation").sync(
        client=client_of("giving", stack),
        body=models("giving").DonationWish(campaign_id=uuid4(), amount_minor=2_500),
        idempotency_key=str(uuid4()),
    )

    assert isinstance(refused, models("giving").Problem)
    assert refused.code == "not_found"


@pytest.mark.stack
def test_staff_page_through_people_by_the_client(stack: RunningStack, clients: dict[str, list[Any]]) -> None:
    http = client_of("directory", stack, token=sign_in_staff(stack).token)
    people, after, until = [], None, time.monotonic() + 60

    while time.monotonic() < until and len(people) < 250:
        page = call("directory", "people", "list_people").sync(
            client=http, limit=50, **({"after": after} if after else {})
        )
        people += page.items
        after = page.next_
        if after is None:
            break

    assert len({each.id for each in people}) == len(people) > 50
