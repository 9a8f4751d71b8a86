"""The services that web's tests run over answer as the real ones say they do.

Every route of the fake is asked, and its answer held against the OpenAPI document of the service: a field
that the real one does not give, or gives otherwise, must not be what a page is tested with.
"""

import re
from collections.abc import Iterator
from functools import reduce
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from tests.web import fake_books, fake_services, samples
from tests.web.fake_server import World
from tests.web.fake_services import ROUTES
from tests.web.samples import FUND_ID, PERSON, campaign

API = "/api/v1"
GUEST = {"given_name": "Zoé", "family_name": "Le Goff", "email": "zoe@example.org"}
RIGHT = "right horse"
TEXTS = {"fr": "Une année sauvée", "en": "A year saved"}
DRAFT = dict.fromkeys(("title", "summary", "story", "surplus_use"), TEXTS) | {
    "slug": "bourses-2027",
    "fund_id": FUND_ID,
    "goal_minor": 1_000_000,
    "currency": "EUR",
    "starts_on": "2027-01-01",
    "ends_on": "2027-06-30",
    "suggested_minor": [5000],
    "picture": "skyline",
}
SCHEDULE = {
    "starts_at": "2027-03-04T18:00:00Z",
    "ends_at": "2027-03-04T20:00:00Z",
    "time_zone": "Europe/Paris",
    "place": "Bibliothèque",
    "online_url": "https://visio.example.org/soir",
}
EVENT = SCHEDULE | {
    **dict.fromkeys(("title", "summary", "description"), TEXTS),
    "slug": "soiree-2027-03",
    "organiser": "Amicale",
    "visibility": "public",
    "picture": "music",
    "seats_max": None,
    "per_registration_max": 4,
    "registration_closes_at": None,
    "withdraw_until": None,
}
BOOKS, YEAR = f"/giving/entities/{fake_books.ENTITY}", "first_day=2026-01-01&last_day=2026-12-31"
RENNES = {"street": "1 rue Haute", "postal_code": "35000", "city": "Rennes", "country": "FR"}
OFFICER = ["events.read", "events.manage", "people.export"]
ASKED = [
    ("GET", "/giving/campaigns?status=live", None),
    ("GET", "/giving/campaigns/bourses-2026", None),
    ("GET", "/giving/campaigns/nobody", None),
    ("GET", "/giving/campaigns/{campaign}/total", None),
    ("GET", "/giving/campaigns/{campaign}/wall", None),
    ("POST", "/giving/campaigns", DRAFT),
    ("PATCH", "/giving/campaigns/{campaign}", {"goal_minor": 500_000}),
    ("POST", "/giving/campaigns/{campaign}/launches", None),
    ("POST", "/giving/campaigns/{campaign}/closures", None),
    ("POST", "/giving/campaigns/{campaign}/reopenings", None),
    ("PUT", "/giving/campaigns/{campaign}/picture", None),
    ("DELETE", "/giving/campaigns/{campaign}/picture", None),
    ("GET", "/giving/campaigns/{campaign}/dashboard", None),
    ("GET", "/giving/funds", None),
    ("GET", "/giving/activity?since=2026-10-01T08:00:00Z", None),
    ("GET", "/giving/activity/month", None),
    ("GET", "/giving/findings", None),
    *[("GET", f"/giving/refunds?standing={each}", None) for each in ("waiting", "requested", "failed")],
    ("GET", "/giving/surpluses", None),
    ("GET", "/giving/disputes", None),
    ("POST", "/giving/surpluses/{surplus}/refunds", None),
    ("POST", "/giving/donations/{donation}/refunds", {"reason": "error", "note": "Trop perçu"}),
    ("POST", "/giving/donations/{donation}/refunds/{refund}/approvals", None),
    ("POST", "/giving/donations/{donation}/refunds/{refund}/rejections", {"note": "Non merci"}),
    ("GET", "/giving/donations", None),
    ("GET", "/giving/donation-totals", None),
    ("GET", "/giving/donations/{donation}", None),
    ("GET", "/giving/paths/{donation}", None),
    ("POST", "/giving/donations", {"amount_minor": 5000, "currency": "EUR"}),
    ("GET", "/giving/gift-links/{link}", None),
    ("PUT", "/giving/gift-links/{link}/wall", {"shows_name": True, "shows_amount": False}),
    ("POST", "/giving/gift-links/{link}/checkouts", None),
    ("GET", "/giving/my-donations", None),
    ("GET", "/giving/entities", None),
    ("PATCH", BOOKS, {"refund_alone_minor": 10_000, "creditor_id": "FR72ZZZ123456"}),
    ("GET", f"{BOOKS}/books", None),
    ("PUT", f"{BOOKS}/books", {"siren": "552100554", "fiscal_year_start_month": 1}),
    ("GET", f"{BOOKS}/accounts", None),
    ("PATCH", f"{BOOKS}/accounts/{fake_books.ACCOUNT}", {"number": "512000", "label": "Banque"}),
    ("GET", f"{BOOKS}/trial-balance?{YEAR}", None),
    ("GET", f"{BOOKS}/journal?{YEAR}&account=517000&kind=gift&reference=pi_1&limit=50", None),
    ("GET", f"{BOOKS}/accounts/517000/statement?{YEAR}&limit=100", None),
    ("GET", f"{BOOKS}/payouts", None),
    ("GET", f"{BOOKS}/payouts/{fake_books.PAYOUT}", None),
    ("GET", f"{BOOKS}/payouts/{fake_books.PAYOUT}/gifts", None),
    ("GET", f"{BOOKS}/closings", None),
    ("POST", f"{BOOKS}/closings", {"last_day": "2025-12-31", "accepts": [], "note": ""}),
    ("GET", f"{BOOKS}/closings/{fake_books.CLOSING}", None),
    ("GET", f"{BOOKS}/closing-checks?last_day=2025-12-31", None),
    ("PUT", "/giving/gift-links/{link}/receipt-details", {"address": RENNES}),
    ("GET", "/giving/receipts", None),
    ("POST", "/giving/receipts/{donation}/voids", {"note": "Nom"}),
    ("GET", "/giving/receipt-cases", None),
    ("GET", "/giving/receipt-cases/counts", None),
    ("POST", "/giving/donations/{donation}/receipts", None),
    ("GET", "/giving/receipt-batches", None),
    ("POST", "/giving/receipt-batches", {"entity_id": samples.event()["id"], "year": 2025}),
    ("GET", "/giving/receipt-checks/good.void", None),
    ("GET", "/giving/tax-parameters", None),
    ("POST", "/giving/tax-parameters/reviews", {"name": "x", "from_on": "2026-01-01"}),
    ("GET", "/giving/entities/{campaign}/receipt-settings", None),
    ("PATCH", "/giving/entities/{campaign}/receipt-settings", {"siren": "732829320"}),
    ("GET", "/giving/entities/{campaign}/receipt-declaration?year=2025", None),
    ("GET", "/giving/system", None),
    ("GET", "/events/events", None),
    ("GET", "/events/events/retrouvailles", None),
    ("POST", "/events/events", EVENT),
    ("PATCH", "/events/events/{event}", {"seats_max": 10}),
    ("GET", "/events/events/{event}/calendar", None),
    ("POST", "/events/events/{event}/publications", None),
    ("POST", "/events/events/{event}/reschedulings", SCHEDULE),
    ("POST", "/events/events/{event}/cancellations", {"reason": TEXTS}),
    ("GET", "/events/events/{event}/registrations", None),
    ("GET", "/events/events/{event}/registrations?q=zoe&status=confirmed&limit=50", None),
    ("GET", "/events/events/{event}/registration-exports?q=zoe&status=confirmed&locale=fr", None),
    ("GET", "/events/registrations?q=zoe&limit=8", None),
    ("GET", "/events/registrations/{taken}", None),
    ("POST", "/events/registrations/{taken}/cancellations", None),
    ("GET", "/events/paths/{taken}", None),
    ("GET", "/events/registration-links/{registration}/calendar", None),
    ("GET", "/events/registration-links/{registration}", None),
    ("GET", "/events/my-registrations", None),
    ("POST", "/events/registration-links/{registration}/withdrawals", None),
    ("POST", "/events/registrations", {**GUEST, "event_id": samples.event()["id"], "companions": []}),
    ("POST", "/directory/sign-in-links", {"email": "claire@example.org", "locale": "fr"}),
    ("POST", "/directory/sessions", {"email": "claire@example.org", "password": RIGHT}),
    ("POST", "/directory/sessions", {"email": "claire@example.org", "password": "wrong"}),
    ("GET", "/directory/sessions", None),
    ("POST", "/directory/tokens", None),
    ("GET", "/directory/arrivals?since=2026-10-01T08:00:00Z", None),
    ("GET", "/directory/people/me", None),
    ("GET", "/directory/people", None),
    ("GET", "/directory/people/{person}", None),
    ("PATCH", "/directory/people/{person}", {"version": 1, "city": "Nantes"}),
    ("PATCH", "/directory/people/{person}/emails/{email}", {"address": "claire@example.net"}),
    ("GET", "/directory/accounts", None),
    ("POST", "/directory/accounts/{account}/disablings", None),
    ("POST", "/directory/accounts/{account}/reopenings", None),
    ("PUT", "/directory/accounts/me/password", {"current_password": RIGHT, "password": "une phrase longue"}),
    ("POST", "/directory/accounts/me/authenticator", {"password": RIGHT}),
    ("POST", "/directory/accounts/me/authenticator/confirmations", {"code": "123456"}),
    ("DELETE", "/directory/sessions/current", None),
    ("GET", "/notify/timelines/{person}", None),
    ("GET", "/notify/paths/{donation}", None),
    ("GET", "/notify/emails", None),
    ("GET", "/notify/emails/{mail}", None),
    ("POST", "/notify/emails/{mail}/resends", None),
    ("GET", "/notify/subscriptions", None),
    ("POST", "/notify/subscriptions", {"url": "https://tool.example"}),
    ("GET", "/notify/subscriptions/{crm}", None),
    ("POST", "/notify/subscriptions/{crm}/preparations", None),
    ("GET", "/notify/deliveries", None),
    ("GET", "/notify/conflicts", None),
    ("POST", "/notify/crm-comparisons", {"subscription_id": "crm"}),
    ("GET", "/notify/crm-comparisons", None),
    ("GET", "/notify/crm-comparisons/{comparison}", None),
    ("GET", "/notify/crm-comparisons/{comparison}/differences", None),
    ("POST", "/notify/crm-comparisons/{comparison}/repairs", None),
    ("POST", "/notify/conflicts/{conflict}/decisions", {"keep": "theirs"}),
    ("DELETE", "/notify/conflicts/{left}/decisions", None),
    ("GET", "/directory/imports", None),
    ("POST", "/directory/imports", None),
    ("GET", "/directory/imports/{import}", None),
    ("POST", "/directory/imports/{import}/discards", None),
    ("POST", "/directory/imports/{import}/confirmations", None),
]


@pytest.fixture(scope="module")
def documents(applications: dict[str, Flask]) -> dict[str, Any]:
    """The OpenAPI document of each service."""
    return {n: app.test_client().get(f"{API}/{n}/openapi.json").json for n, app in applications.items()}


@pytest.fixture
def fake() -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    """The fake services, with one of everything and somebody signed in; the names that addresses contain."""
    world = World()
    world.my_gifts = [samples.my_gift("settled", 5_000)]
    world.records = [samples.record()]
    world.refunds = [samples.on_desk(status=each) for each in ("waiting", "requested", "failed")]
    world.surpluses, world.disputes = [samples.surplus()], [samples.dispute()]
    world.findings = [samples.finding(amount_minor=5_000)]
    world.emails = [samples.email()]
    world.imports = [samples.imported()]
    world.subscriptions = [crm := samples.subscription()]
    world.deliveries = [samples.delivery(crm)]
    left = {"decision": "theirs", "decided_at": crm["created_at"], "decided_by": PERSON["id"]}
    world.conflicts = [samples.conflict(crm), samples.conflict(crm, field="last_name", **left)]
    world.comparisons, world.differences = [samples.comparison(crm)], samples.differences()
    world.events = [samples.event()]
    world.directory_of(PERSON)
    server = fake_services.start(world)
    session = {
        "Authorization": f"Session {world.sign_in(PERSON, OFFICER)}",
        "Idempotency-Key": "a gift of one's own",
    }
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}{API}", headers=session) as client:
        known = {"campaign": campaign()["id"], "donation": world.records[0]["id"], "person": PERSON["id"]}
        known |= {"email": world.people[PERSON["id"]]["emails"][0]["id"], "account": world.accounts[0]["id"]}
        known |= {"mail": world.emails[0]["id"], "import": world.imports[0]["id"]}
        known |= {"crm": world.subscriptions[0]["id"], "comparison": world.comparisons[0]["id"]}
        known |= {"conflict": world.conflicts[0]["id"], "left": world.conflicts[1]["id"]}
        wish = {"campaign_id": known["campaign"], "amount_minor": 5000, "currency": "EUR", **GUEST}
        seats = {**GUEST, "event_id": world.events[0]["id"], "companions": []}
        client.post("/events/registrations", json=seats, headers={"Idempotency-Key": "a seat"})
        known |= {"registration": next(iter(world.registrations)), "event": world.events[0]["id"]}
        known |= {"refund": world.refunds[0]["id"], "surplus": world.surpluses[0]["id"]}
        known |= {"taken": world.registrations[known["registration"]]["id"]}
        begun = client.post("/giving/donations", json=wish, headers={"Idempotency-Key": "the first gift"})
        yield client, known | {"link": begun.json()["link"]}
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("method", "path", "body"), ASKED, ids=lambda each: each if each else "")
def test_what_the_fake_answers_is_what_the_service_promises(fake, documents, method, path, body) -> None:
    client, known = fake
    if (method, path) == ("POST", "/giving/donations"):
        body = {**body, **GUEST, "campaign_id": known["campaign"], "locale": "fr"}

    answer = client.request(method, path.format(**known), json=body)

    document = documents[path.split("/")[1]]
    schema = promised(document, method, API + path.format(**known).partition("?")[0], answer.status_code)
    if not answer.headers["Content-Type"].endswith("json"):
        assert answer.content and answer.headers["Content-Type"].startswith("text/")
    elif schema is None:
        assert not answer.content or answer.json() == {}
    else:
        whole = Draft202012Validator({**schema, "components": document["components"]})
        assert not [f"{error.json_path}: {error.message}" for error in whole.iter_errors(answer.json())]
        assert_says_no_more(document, schema, answer.json())


def test_what_is_asked_in_a_query_is_what_the_service_takes(fake, documents) -> None:
    _, known = fake
    strange = []
    for method, path, _ in ASKED:
        address, _, query = (API + path.format(**known)).partition("?")
        document = documents[path.split("/")[1]]
        told = operation(document, method, address).get("parameters", [])
        taken = {resolved(document, each)["name"] for each in told}
        strange += [(path, name) for name in parse_qs(query) if name not in taken]

    assert strange == []


def test_every_route_of_the_fake_is_asked(fake) -> None:
    _, known = fake
    asked = [(method, API + path.format(**known).partition("?")[0]) for method, path, _ in ASKED]

    missed = [
        (verb, pattern)
        for verb, pattern, _ in ROUTES
        if not any(verb == method and re.fullmatch(pattern, path) for method, path in asked)
    ]
    assert missed == []


def promised(document: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any] | None:
    """The schema of the answer; None when it has no body."""
    responses = operation(document, method, path)["responses"]
    assert status >= 400 or str(status) in responses, f"{status} is not among {list(responses)}"
    response = resolved(document, responses.get(str(status), responses["default"]))
    content = list(response.get("content", {}).values())
    return content[0]["schema"] if content else None


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """What the document says of the most literal path that fits."""
    fitting = [each for each in document["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each), path)]
    fitting.sort(key=lambda each: each.count("{"))
    found: dict[str, Any] = next(
        told for each in fitting if (told := document["paths"][each].get(method.lower()))
    )
    return found


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    while "$ref" in schema:
        place = schema["$ref"].removeprefix("#/").split("/")
        schema = reduce(lambda inside, name: inside[name], place, document)
    return schema


def assert_says_no_more(document: dict[str, Any], schema: dict[str, Any], told: Any) -> None:
    """No field that the service does not name: a page must not come to rely on it."""
    schema = resolved(document, schema)
    if isinstance(told, list):
        for each in told:
            assert_says_no_more(document, schema.get("items", {}), each)
    if isinstance(told, dict) and "properties" in schema:
        assert set(told) <= set(schema["properties"]), set(told) - set(schema["properties"])
        for name, value in told.items():
            assert_says_no_more(document, schema["properties"][name], value)
