"""The books of giving, as web's tests need them: one entity, one gift, one payout, one closed year."""

from tests.web import samples
from tests.web.fake_server import Answer, problem, refused_once

G, ID = "/api/v1/giving/entities", "([^/]+)"
ENTITY, ACCOUNT, PAYOUT, CLOSING, GIFT = (f"018f3c1e-7c7c-7000-8000-0000000000e{n}" for n in range(5))
AT = "2026-03-02T09:12:00+00:00"
LINE = {"number": "517000", "label": "Prestataire de paiement", "kind": "provider"}


def entities(self, world, query, body):
    return {"items": [_entity(world)], "next": None}


def change_entity(self, world, query, body, entity):
    if body.get("creditor_id") == "FR73ZZZ123456":
        raise problem(422, "fields_refused", errors={"creditor_id": ["Not a SEPA creditor identifier."]})
    world.entity = body
    return _entity(world)


def _entity(world):
    return samples.entity(ENTITY, **world.entity)


def books(self, world, query, body, entity):
    if entity != ENTITY:
        raise problem(404, "not_found")
    return {
        "entity_id": ENTITY,
        "name": "Fondation de Valmont",
        "siren": "552100554",
        "fiscal_year_start_month": 1,
        "year_first_day": "2026-01-01",
        "year_last_day": "2026-12-31",
        "closed_until": world.closed_until,
    }


def write_books(self, world, query, body, entity):
    refused_once(world)
    return {"entity_id": ENTITY}


def account(**more):
    return LINE | {"id": ACCOUNT, "fund_id": None} | more


def chart(self, world, query, body, entity):
    return {"items": [account()]}


def write_account(self, world, query, body, entity, id):
    refused_once(world)
    return {"id": ACCOUNT, "number": body["number"], "label": body["label"]}


def balance_line(**more):
    figures = {"opening_minor": -3900, "debits_minor": 12_000, "credits_minor": 200, "closing_minor": 7900}
    return LINE | {"currency": "EUR"} | figures | more


def trial_balance(self, world, query, body, entity):
    world.periods.append((query["first_day"][0], query["last_day"][0]))
    return {"items": [balance_line()]}


def transaction(**more):
    return {
        "id": GIFT,
        "number": 12,
        "kind": "gift",
        "at": AT,
        "value_at": None,
        "reference": "pi_1",
        "donation_id": GIFT,
    } | more


def journal(self, world, query, body, entity):
    side = {"account": "provider", "number": "517000", "label": LINE["label"], "campaign_id": None}
    side |= {"currency": "EUR", "debit_minor": 12_000, "credit_minor": 0}
    late = transaction(number=None, kind="payout", donation_id=None, value_at="2025-12-30T10:00:00+00:00")
    return {"items": [each | {"entries": [side]} for each in (transaction(), late)], "next": None}


def statement(self, world, query, body, entity, number):
    if number != LINE["number"]:
        raise problem(404, "not_found")
    line = transaction() | {"debit_minor": 12_000, "credit_minor": 0, "balance_minor": 8100}
    return LINE | {"currency": "EUR", "opening_minor": -3900, "items": [line], "next": None}


def payout(**more):
    return {
        "id": PAYOUT,
        "provider_payout_id": "po_1",
        "status": "arrived",
        "amount_minor": 11_900,
        "currency": "EUR",
        "made_at": AT,
        "arrives_at": AT,
        "arrived_at": AT,
        "failed_at": None,
        "failure": None,
    } | more


def payouts(self, world, query, body, entity):
    return {"items": [payout()], "next": None}


def show_payout(self, world, query, body, entity, id):
    made_of = {"gifts_count": 1, "gifts_minor": 12_000, "fees_minor": 100, "others_minor": 0}
    return payout(detailed_at=AT) | made_of


def gifts(self, world, query, body, entity, id):
    campaign = {key: world.campaigns[0][key] for key in ("id", "slug", "title")}
    sums = {"amount_minor": 12_000, "fee_minor": 100, "currency": "EUR"}
    return {"items": [{"donation_id": GIFT, "campaign": campaign, "paid_at": AT} | sums], "next": None}


def closing():
    told = {"id": CLOSING, "first_day": "2025-01-01", "last_day": "2025-12-31", "closed_at": AT}
    accepted = [{"kind": "findings", "count": 2, "days": []}]
    return told | {"closed_by": None, "note": "Vu avec la banque", "accepted": accepted, "hash": "ab" * 32}


def closings(self, world, query, body, entity):
    return {"items": [closing()], "next": None}


def show_closing(self, world, query, body, entity, id):
    return closing() | {"balance": [balance_line()]}


def close(self, world, query, body, entity):
    refused_once(world)
    raise Answer(201, {"id": CLOSING})


def checks(self, world, query, body, entity):
    days = {"kind": "unreconciled_days", "count": 1, "days": ["2025-12-30"]}
    return {"first_day": "2025-01-01", "last_day": query["last_day"][0], "items": [days]}


ROUTES = [
    ("GET", G, entities),
    ("PATCH", f"{G}/{ID}", change_entity),
    ("GET", f"{G}/{ID}/books", books),
    ("PUT", f"{G}/{ID}/books", write_books),
    ("GET", f"{G}/{ID}/accounts", chart),
    ("PATCH", f"{G}/{ID}/accounts/{ID}", write_account),
    ("GET", f"{G}/{ID}/trial-balance", trial_balance),
    ("GET", f"{G}/{ID}/journal", journal),
    ("GET", f"{G}/{ID}/accounts/{ID}/statement", statement),
    ("GET", f"{G}/{ID}/payouts", payouts),
    ("GET", f"{G}/{ID}/payouts/{ID}", show_payout),
    ("GET", f"{G}/{ID}/payouts/{ID}/gifts", gifts),
    ("GET", f"{G}/{ID}/closings", closings),
    ("POST", f"{G}/{ID}/closings", close),
    ("GET", f"{G}/{ID}/closings/{ID}", show_closing),
    ("GET", f"{G}/{ID}/closing-checks", checks),
]
