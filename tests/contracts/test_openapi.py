"""Every service keeps its own OpenAPI document: whatever is sent, no 5xx and no answer that breaks it."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.core.failures import FailureGroup

from shared.rights import RIGHTS
from tests.contracts.conftest import SERVICES, application, environment
from tests.events import world as events_world
from tests.giving import world
from tests.support import provider as provider_support
from tests.support.postgres import ServiceDatabase
from tests.support.tokens import bearer, trust
from web.portal.campaigns import LEAST_MINOR, MOST_MINOR

EXAMPLES = 8
RULES_SAY_NO = positive_data_acceptance
"""A request that fits the schema may still break a rule that no schema tells: a cursor that was not made
here, an end before its beginning, a card number in a text."""


def staff() -> dict[str, str]:
    """A token of now: one made at the import would be too old when its test comes in a long run."""
    return bearer(rights=RIGHTS)


@pytest.fixture(scope="module")
def running(
    databases: dict[str, ServiceDatabase], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Flask]]:
    """Every service as in a demo, the payment provider beside them."""
    folder: Path = tmp_path_factory.mktemp("openapi")
    private = {"AMICALE_DEMO": "1", "PUBLIC_URL": "http://127.0.0.1:8080"}
    with provider_support.provider(folder, [provider_support.entry("fondation")]) as provider:
        found = {}
        for name in SERVICES:
            told = environment(databases[name].app_url, folder, **private)
            found[name] = application(name, {**told, "PROVIDER_ACCOUNTS_FILE": provider.accounts_file})
            trust(found[name])
        yield found
    for name in SERVICES:
        import_module(f"services.{name}.models").database.dispose()


def _a_gift(app: Flask) -> dict[str, str]:
    campaign = str(world.campaign())
    wish = {"campaign_id": campaign, "amount_minor": 5000, **world.GUEST}
    made = _post(app, "/api/v1/giving/donations", wish)
    return {"campaign_id": campaign, "id_or_slug": campaign, "donation_id": made["id"], "token": made["link"]}


def _a_registration(app: Flask) -> dict[str, str]:
    event = str(events_world.event())
    made = _post(app, "/api/v1/events/registrations", {"event_id": event, **world.GUEST})
    ids = {"registration_id": made["id"], "token": made["link"]}
    return {"event_id": event, "id_or_slug": event, **ids}


def _a_person(app: Flask) -> dict[str, str]:
    wish = {"given_name": "Zoé", "family_name": "Martin", "locale": "fr"}
    return {"person_id": _post(app, "/api/v1/directory/people", wish)["id"]}


def _a_subscription(app: Flask) -> dict[str, str]:
    wish = {"url": "http://127.0.0.1:9/hook", "types": ["party.changed"]}
    return {"subscription_id": _post(app, "/api/v1/notify/subscriptions", wish)["id"]}


SEEDS: dict[str, Callable[[Flask], dict[str, str]]] = {
    "events": _a_registration,
    "giving": _a_gift,
    "directory": _a_person,
    "notify": _a_subscription,
}
"""What stands in each service before it is tried, by the name of the path's parameter."""


def _post(app: Flask, path: str, wish: dict[str, Any]) -> dict[str, Any]:
    answer = app.test_client().post(path, json=wish, headers={**staff(), "Idempotency-Key": str(uuid4())})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def operations(app: Flask, service: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_wsgi(f"/api/v1/{service}/openapi.json", app)
    schema.config.checks.negative_data_rejection.expected_statuses = [
        "400",
        "401",
        "403",
        "404",
        "405",
        "413",
        "415",
        "422",
    ]
    for found in schema.get_all_operations():
        yield found.ok()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["sound", "unsound"])
@pytest.mark.parametrize("service", SERVICES)
def test_no_answer_breaks_the_document(service: str, running: dict[str, Flask], mode: GenerationMode) -> None:
    app = running[service]
    known = SEEDS[service](app)
    failures = []
    for operation in operations(app, service):
        try:
            _tried(operation, mode, known)
        except Unsatisfiable:
            continue  # nothing unsound can be said to a route that takes nothing
        except (Exception, FailureGroup) as failure:
            failures.append(f"{operation.method.upper()} {operation.path}\n{failure}")
    assert not failures, "\n\n".join(failures)


def _tried(operation: Any, mode: GenerationMode, known: dict[str, str]) -> None:
    """Send what the document allows, or forbids, with ids from nowhere and then with those that exist."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        _check_code(operation, case.call_and_validate(headers=staff(), excluded_checks=[RULES_SAY_NO]))
        here = {name: known[name] for name in case.path_parameters or {} if name in known}
        if here:
            case.path_parameters = {**case.path_parameters, **here}
            excluded = [RULES_SAY_NO, negative_data_rejection]
            _check_code(operation, case.call_and_validate(headers=staff(), excluded_checks=excluded))

    send()


def _check_code(operation: Any, answer: Any) -> None:
    """A refusal has a code that the operation's document lists under its status."""
    if answer.status_code in ANSWERED_FOR_ALL or answer.status_code < 400:
        return
    told = operation.definition.raw["responses"].get(str(answer.status_code), {}).get("x-codes", ())
    assert answer.json()["code"] in told, f"{answer.status_code} {answer.json()['code']} is not listed"


ANSWERED_FOR_ALL = (405, 413, 414)
"""What is said before any route is asked."""

NOT_TO_BE_SET = (
    "id",
    "role",
    "rights",
    "status",
    "created_at",
    "settled_at",
    "person_id",
    "caller",
    "version",
)


@pytest.mark.parametrize("service", SERVICES)
def test_fields_that_nobody_may_set_are_refused_on_every_write(
    service: str, running: dict[str, Flask]
) -> None:
    app, known, tried = running[service], SEEDS[service](running[service]), []
    for operation in operations(app, service):
        content = operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        taken = set(_properties(operation, content["schema"]))
        extra = {name: "1" for name in NOT_TO_BE_SET if name not in taken}
        path = operation.path
        for name in operation.path_parameters:
            path = path.replace("{" + name.name + "}", known.get(name.name, str(uuid4())))
        headers = {**staff(), "Idempotency-Key": str(uuid4())}
        answer = app.test_client().open(path, method=operation.method.upper(), json=extra, headers=headers)
        where = f"{operation.method.upper()} {path}: {answer.text}"
        assert answer.status_code == 422, where
        assert set(extra) <= set(answer.get_json(force=True)["errors"]), where
        tried.append(path)
    assert tried


def _properties(operation: Any, schema: dict[str, Any]) -> list[str]:
    """Names of the fields that a body takes."""
    name = schema.get("$ref", "").rsplit("/", 1)[-1]
    whole = operation.schema.raw_schema["components"]["schemas"].get(name, schema)
    return list(whole.get("properties", {}))


MONEY = (
    "/api/v1/giving/donations",
    "/api/v1/giving/donations/{donation_id}/refunds",
    "/api/v1/giving/gift-links/{token}/checkouts",
)


def test_what_moves_money_needs_a_key(running: dict[str, Flask]) -> None:
    app, known = running["giving"], SEEDS["giving"](running["giving"])
    for rule in MONEY:
        path = rule.replace("{donation_id}", known["donation_id"]).replace("{token}", known["token"])
        wish = {"campaign_id": known["campaign_id"], "amount_minor": 5000, **world.GUEST}
        body = (
            {"reason": "error", "note": "a test"} if "refunds" in rule else wish if rule == MONEY[0] else {}
        )

        answer = app.test_client().post(path, json=body, headers=staff())

        assert answer.status_code == 400, f"{rule}: {answer.text}"
        assert list(answer.get_json(force=True)["errors"]) == ["Idempotency-Key"]


def test_pages_refuse_the_amounts_that_giving_refuses(running: dict[str, Flask]) -> None:
    schemas = running["giving"].test_client().get("/api/v1/giving/openapi.json").get_json()["components"]
    amount = schemas["schemas"]["DonationWish"]["properties"]["amount_minor"]

    assert (amount["minimum"], amount["maximum"]) == (LEAST_MINOR, MOST_MINOR)
