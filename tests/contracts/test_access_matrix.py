"""Who may call what: every route of every service, by nobody, by two alumni and with each right alone.

The routes are read from the applications, so that a new one is in the matrix by being there. What is
listed here by hand is what deserves a second look: writes open to anyone, and what belongs to one person.
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from services.directory.models import Account, Person, SignInSession, Transaction
from shared import auth, http
from shared.auth import ask_directory
from shared.errors import DomainError
from shared.rights import LIVE, POLICIES, RIGHTS
from tests.contracts.conftest import SERVICES, routes
from tests.support.tokens import LiveRightsOfTests, bearer, trust

ADA, BOB, STAFF = (UUID(f"018f3c1e-7c7c-7000-8000-00000000000{number}") for number in (1, 2, 3))

OPEN_WRITES = {
    "POST /api/v1/giving/donations": "a gift needs no account; limited by caller and globally",
    "POST /api/v1/events/registrations": "free seats need no account; limited by network and by email",
    "POST /api/v1/directory/sign-in-links": "answers the same whether the account exists; limited",
    "POST /api/v1/directory/sessions": "signing in; limited by account, address and globally",
    "POST /api/v1/directory/tokens": "checks the session's secret itself",
}
LINK_ROUTES = (
    "/api/v1/giving/gift-links/",
    "/api/v1/giving/receipt-checks/",
    "/api/v1/events/registration-links/",
)

RENNES = {"street": "1 rue Haute", "postal_code": "35000", "city": "Rennes"}
LINK_WISHES = {"receipt-details": {"address": RENNES}}
"""Bodies that are whole, by the end of their route: what is refused then is the link."""


class Reached(DomainError):
    """The policy let the request through."""

    status = 418


@pytest.fixture(scope="module")
def live(applications: dict[str, Flask]) -> LiveRightsOfTests:
    """What the directory would say, to all services at once."""
    said = LiveRightsOfTests()
    for app in applications.values():
        trust(app)
        app.extensions["amicale"].doorkeeper.live_rights = said
    return said


@pytest.fixture
def guards_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop each request right behind its policy: nothing is parsed, nothing is done."""

    def stop(_: Any) -> None:
        raise Reached

    monkeypatch.setattr(http, "_check_query", stop)


def call(
    app: Flask, method: str, rule: str, headers: dict[str, str] | None = None, row_id: UUID | None = None
) -> TestResponse:
    """One request to a route, with `row_id`, or an unknown id, in its path."""
    found = next(
        each for each in app.url_map.iter_rules() if each.rule == rule and method in (each.methods or ())
    )
    samples = {"UUIDConverter": row_id or uuid4(), "SmallInteger": 1}
    values = {name: samples.get(type(each).__name__, "x") for name, each in found._converters.items()}
    path = app.url_map.bind("127.0.0.1").build(found.endpoint, values, method=method)
    return app.test_client().open(path, method=method, headers=headers)


def outcome(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, (answer.get_json(force=True, silent=True) or {}).get("code", "")


THROUGH, SIGN_IN, NO_RIGHT = (418, "reached"), (401, "sign_in_required"), (403, "right_missing")


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_lets_in_whom_it_says_and_nobody_else(
    service: str, applications: dict[str, Flask], live: LiveRightsOfTests, guards_only: None
) -> None:
    app = applications[service]
    wrong = []
    for method, rule, policy in routes(app):
        assert policy in POLICIES | RIGHTS, f"{method} {rule} declares no policy"
        callers: dict[str, tuple[dict[str, str], tuple[int, str]]] = {
            "nobody": ({}, SIGN_IN),
            "Ada": (bearer(ADA), NO_RIGHT),
            "Bob": (bearer(BOB), NO_RIGHT),
            **{right: (bearer(STAFF, [right]), NO_RIGHT) for right in RIGHTS},
            "all other rights": (bearer(STAFF, RIGHTS - {policy}), NO_RIGHT),
        }
        if policy == "signed_in":
            callers |= {
                name: (headers, THROUGH) for name, (headers, _) in callers.items() if name != "nobody"
            }
        elif policy in RIGHTS:
            callers[policy] = (bearer(STAFF, [policy]), THROUGH)
        else:
            callers |= {name: (headers, THROUGH) for name, (headers, _) in callers.items()}
        for name, (headers, expected) in callers.items():
            if (got := outcome(call(app, method, rule, headers))) != expected:
                wrong.append(f"{method} {rule} ({policy}) by {name}: {got}, expected {expected}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_a_token_that_is_none_is_refused_where_the_document_says_so(
    service: str, applications: dict[str, Flask], live: LiveRightsOfTests
) -> None:
    app = applications[service]
    told = app.test_client().get(f"/api/v1/{service}/openapi.json").get_json()["paths"]
    for method, rule, policy in routes(app):
        operation = told.get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule), {}).get(method.lower())
        if operation is None:
            continue
        refused = call(app, method, rule, {"Authorization": "Bearer none"})
        if operation["security"] != [{"session": []}]:
            assert outcome(refused) == (401, "token_refused"), f"{method} {rule}"
            assert "token_refused" in operation["responses"]["401"]["x-codes"], f"{method} {rule}"
        if policy == "anyone" and operation["security"] != [{"session": []}]:
            assert operation["security"] == [{}, {"bearer": []}], f"{method} {rule}"


@pytest.mark.parametrize("service", SERVICES)
def test_live_rights_bite_at_once_and_close_without_an_answer(
    service: str, applications: dict[str, Flask], live: LiveRightsOfTests, guards_only: None
) -> None:
    app = applications[service]
    keeper = app.extensions["amicale"].doorkeeper
    for method, rule, policy in routes(app):
        if policy not in LIVE:
            continue
        headers, where = bearer(STAFF, [policy]), f"{method} {rule}"
        live.taken.add((STAFF, policy))
        assert outcome(call(app, method, rule, headers)) == NO_RIGHT, where
        live.taken.clear()
        live.ended.add(STAFF)
        assert outcome(call(app, method, rule, headers)) == (401, "session_ended"), where
        live.ended.clear()
        _, keeper.live_rights = ask_directory("http://127.0.0.1:1")
        assert outcome(call(app, method, rule, headers)) == (503, "rights_unavailable"), where
        keeper.live_rights = live


@pytest.mark.parametrize("service", SERVICES)
def test_inside_routes_do_not_exist_through_the_gateway(service: str, applications: dict[str, Flask]) -> None:
    app = applications[service]
    inside = [rule for _, rule, policy in routes(app) if policy == "internal"]

    assert {"/healthz", "/readyz", "/metrics"} == set(inside)
    for rule in inside:
        assert call(app, "GET", rule, {"X-Forwarded-For": "203.0.113.7"}).status_code == 404


@pytest.mark.parametrize("service", SERVICES)
def test_writes_open_to_anyone_are_known(service: str, applications: dict[str, Flask]) -> None:
    found = {
        f"{m} {r}" for m, r, policy in routes(applications[service]) if policy == "anyone" and m != "GET"
    }

    assert found <= set(OPEN_WRITES), "a write open to anyone is listed here, with what guards it"


@pytest.mark.parametrize("service", SERVICES)
def test_provider_and_link_routes_are_where_they_are_looked_for(
    service: str, applications: dict[str, Flask]
) -> None:
    for _, rule, policy in routes(applications[service]):
        assert (policy == "provider") == rule.startswith("/webhooks/"), rule
        assert (policy == "link") == rule.startswith(LINK_ROUTES), rule


@pytest.mark.parametrize("service", SERVICES)
def test_a_forged_link_is_404_on_every_link_route(service: str, applications: dict[str, Flask]) -> None:
    app = applications[service]
    for method, rule, policy in routes(app):
        if policy == "link":
            for token in ("x", str(uuid4()), f"{uuid4()}.{'A' * 22}", "%00", "é.é"):
                path = rule.replace("<token>", token).replace("<link>", token)
                path = path.replace("<uuid:receipt_id>", str(uuid4()))
                wish = LINK_WISHES.get(rule.rpartition("/")[2], {"shows_name": True, "shows_amount": True})
                body = {} if method == "GET" else {"json": wish}
                headers = {"Idempotency-Key": "0123456789"}
                answer = app.test_client().open(path, method=method, headers=headers, **body)
                assert answer.status_code == 404, f"{method} {path}: {answer.status_code}"


def a_session_of(person_id: UUID) -> UUID:
    """A signed-in device of this person's own."""
    at = datetime.now(UTC)
    with Transaction() as session:
        session.merge(Person(id=person_id, given_name="A", family_name="B", locale="fr"))
        session.flush()
        account = Account(person_id=person_id, email=f"{person_id}@example.org")
        session.add(account)
        session.flush()
        device = SignInSession(
            account_id=account.id,
            secret_hash=os.urandom(32),
            method="password",
            opened_at=at,
            seen_at=at,
            expires_at=at + timedelta(days=90),
        )
        session.add(device)
        session.flush()
        return device.id


OWNED: dict[str, Callable[[UUID], UUID]] = {
    "DELETE /api/v1/directory/sessions/<uuid:session_id>": a_session_of,
}
"""Every route of the signed-in with an id in its path, and how to make a row of one person's own."""


@pytest.mark.parametrize("service", SERVICES)
def test_what_belongs_to_another_does_not_exist(
    service: str, applications: dict[str, Flask], live: LiveRightsOfTests
) -> None:
    app = applications[service]
    for method, rule, policy in routes(app):
        if policy != "signed_in" or "<" not in rule:
            continue
        assert f"{method} {rule}" in OWNED, f"say in OWNED how to make one: {method} {rule}"
        made = OWNED[f"{method} {rule}"](ADA)
        assert call(app, method, rule, bearer(ADA)).status_code == 404, "an unknown id"
        assert call(app, method, rule, bearer(BOB), made).status_code == 404, "of another"
        assert call(app, method, rule, bearer(ADA), made).status_code < 300, "one's own"


def test_control_without_the_guard_nobody_gets_everywhere(
    applications: dict[str, Flask],
    live: LiveRightsOfTests,
    guards_only: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auth, "require", lambda _: None)
    app = applications["giving"]

    assert {outcome(call(app, method, rule)) for method, rule, _ in routes(app)} == {THROUGH}
