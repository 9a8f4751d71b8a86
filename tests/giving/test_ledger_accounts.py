"""The chart of accounts: made with each entity and fund, renumbered by staff, never twice the same number."""

from uuid import uuid4

import pytest

from services.giving.models import Entity, Fund, LedgerAccount, Transaction
from shared.db import uuid7
from tests.giving import world
from tests.support.tokens import bearer


def reading():
    """Headers of who may read gifts; a token lives five minutes."""
    return bearer(rights=["giving.read"])


def managing():
    """Headers of who may run gifts."""
    return bearer(rights=["giving.manage"])


def entity_id():
    with Transaction() as session:
        return session.query(Entity).one().id


def chart(client, entity):
    return client.get(f"/api/v1/giving/entities/{entity}/accounts", headers=reading()).json["items"]


def change(client, entity, account, **wish):
    url = f"/api/v1/giving/entities/{entity}/accounts/{account['id']}"
    return client.patch(url, json=wish, headers=managing())


def of_kind(items, kind):
    return [each for each in items if each["kind"] == kind]


def test_each_entity_and_each_fund_has_its_accounts_from_the_first_moment(app):
    world.campaign()
    world.campaign()

    items = chart(app.test_client(), entity_id())

    assert [(each["number"], each["kind"]) for each in items] == [
        ("110000", "carried"), ("471000", "suspense"), ("512000", "bank"), ("517000", "provider"),
        ("627800", "fees"), ("75411001", "gifts"), ("75411002", "gifts"), ("75418001", "disputes"),
        ("75418002", "disputes"), ("75419001", "refunds"), ("75419002", "refunds"),
    ]  # fmt: skip
    assert of_kind(items, "gifts")[0]["label"].startswith("Dons manuels – Bourses")


def test_a_fund_of_a_long_name_has_accounts_too(giving):
    world.campaign()
    with Transaction() as session:
        session.add(Fund(id=uuid7(), entity_id=entity_id(), name="é" * 200, created_at=world.NOW))
    with Transaction() as session:
        labels = [each.label for each in session.query(LedgerAccount).filter_by(number="75411002")]
    assert [len(each) for each in labels] == [100]


def test_an_account_is_renumbered_and_the_trail_keeps_both_numbers(app):
    world.campaign()
    client, entity = app.test_client(), entity_id()
    bank = of_kind(chart(client, entity), "bank")[0]

    changed = change(client, entity, bank, number="512100", label="Crédit coopératif")

    assert (changed.status_code, changed.json["number"]) == (200, "512100")
    assert of_kind(chart(client, entity), "bank")[0]["label"] == "Crédit coopératif"
    with Transaction() as session:
        trail = "select action, fields from audit_entries order by number desc limit 1"
        assert session.connection().exec_driver_sql(trail).one() == (
            "ledger_account.changed",
            ["label", "number"],
        )


def test_two_kinds_share_no_number_and_two_funds_may(app):
    world.campaign()
    world.campaign()
    client, entity = app.test_client(), entity_id()
    first, second = of_kind(chart(client, entity), "gifts")

    taken = change(client, entity, first, number="512000")
    shared = change(client, entity, second, number=first["number"])

    assert (taken.status_code, taken.json["code"]) == (409, "number_taken")
    assert shared.status_code == 200


@pytest.mark.parametrize(
    "wish",
    [
        {"number": "0512000"}, {"number": "51"}, {"number": "512 000"}, {"number": "912000"},
        {"number": "512-1"}, {"number": "5" * 16}, {"number": "512000\n"}, {"number": 512000}, {"label": ""},
        {"label": "=1+1"}, {"label": "a\tb"}, {"label": "x" * 101}, {"kind": "bank"},
    ],
)  # fmt: skip
def test_what_is_no_account_is_refused(app, wish):
    world.campaign()
    client, entity = app.test_client(), entity_id()

    refused = change(client, entity, of_kind(chart(client, entity), "bank")[0], **wish)

    assert refused.status_code == 422


def test_the_account_of_another_entity_is_not_found(app):
    world.campaign()
    client, entity = app.test_client(), entity_id()
    [bank] = of_kind(chart(client, entity), "bank")

    assert change(client, uuid4(), bank, label="x").status_code == 404
    assert change(client, entity, {"id": uuid4()}, label="x").status_code == 404
    assert client.get(f"/api/v1/giving/entities/{uuid4()}/accounts", headers=reading()).status_code == 404
