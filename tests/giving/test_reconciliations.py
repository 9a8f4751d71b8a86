"""What the provider's lists say against our books: missed events taken, differences found, each once."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.giving import provider_balances, reconciliations
from services.giving.drift import drift_check
from services.giving.models import Finding, Transaction
from shared.clock import now
from shared.payments import gateway
from tests.giving import world
from tests.support.scale import SCALE
from tests.support.tokens import bearer


def reconcile(school, **more):
    return reconciliations.reconcile(school.provider.accounts["fondation"], **more)


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch):
    """What just happened is compared too."""
    monkeypatch.setattr(reconciliations, "GRACE", timedelta(seconds=-5))


def findings():
    with Transaction() as session:
        return sorted((each.kind, each.reference) for each in session.query(Finding))


def give(school, count, **switches):
    campaign_id = world.campaign()
    school.provider.switch(**switches)
    for number in range(count):
        begun = school.give(campaign_id, 1000 + number, email=f"p{number % 7}@example.org")
        school.provider.pay(begun["checkout_url"])
    school.provider.settle()


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("size", [2000 if SCALE == 1 else 20])
def test_webhooks_that_never_came_leave_no_difference(school, size, monkeypatch):
    monkeypatch.setattr("services.giving.donations.slow_down", lambda *_: None)
    give(school, size, webhook_drop_percent=30 if size < 100 else 5)

    first, second = reconcile(school), reconcile(school)

    assert first.findings_new == 0
    assert (second.events_taken, second.findings_new) == (0, 0)
    with Transaction() as session:
        assert drift_check(session) == []
        settled = session.execute(
            text("select count(*) from donations where status = 'settled'")
        ).scalar_one()
    assert settled == size


@pytest.mark.chaos
def test_without_taking_missed_events_the_difference_is_seen(school, monkeypatch):
    """The control run: dropped webhooks, and a reconciliation that takes nothing."""
    give(school, 4, webhook_drop_percent=100)
    monkeypatch.setattr(reconciliations, "take_missed", lambda *_, **__: 0)

    reconcile(school)

    assert [kind for kind, _ in findings()] == ["charge_unknown"] * 4


PLANT = [
    # Two sums of ours are wrong, and two fees.
    "update donations set amount_minor = amount_minor + 1"
    " where id in (select id from donations order by id limit 2)",
    "update settlements set fee_minor = fee_minor + 1 where donation_id in"
    " (select id from donations order by id offset 2 limit 2)",
    # Two settled gifts that the provider's balance knows nothing of.
    "update settlements set charge_id = 'ch_none' || payment_id, movement_id = 'txn_none' || payment_id"
    " where donation_id in (select id from donations order by id offset 4 limit 2)",
]


def test_ten_planted_differences_are_exactly_ten_findings_and_what_they_come_to(school):
    """Two sums, two fees, two gifts without movement (so two charges without gift), two unknown charges.

    The gifts without movement are in the books twice then: as gifts, and as charges that nobody explains.
    """
    give(school, 10)
    reconcile(school)
    assert findings() == []
    with school.owner() as owner:
        for statement in PLANT:
            owner.execute(statement)
    history = [_unknown_payment() for _ in range(2)]
    _tell_past(school, history)

    first = reconcile(school, since=now() - timedelta(hours=1))
    second = reconcile(school, since=now() - timedelta(hours=1))

    kinds = [kind for kind, _ in findings()]
    one_by_one = ["charge_differs"] * 4 + ["charge_unknown"] * 4 + ["settlement_unmoved"] * 2
    assert kinds == ["balance_differs", *one_by_one]
    assert (first.findings_new, second.findings_new) == (11, 0)


def _unknown_payment():
    price = {"currency": "eur", "unit_amount": 777, "product_data": {"name": "A link made in the dashboard"}}
    wish = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": "https://valmont.example/",
    }
    return {"at": now().timestamp(), "card": "visa", "wish": wish}


def _tell_past(school, items):
    import httpx

    answer = httpx.post(f"{school.provider.url}/sandbox/history/fondation/payments", json={"items": items})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("outcome", "raised_minor"), [("lost", 0), ("won", 1000)])
@pytest.mark.parametrize("dropped", [0, 100])
def test_each_movement_of_a_dispute_is_explained(school, outcome, raised_minor, dropped):
    """Told by webhooks, or found by the reconciliation alone: the books hold what the provider holds."""
    give(school, 1)
    with Transaction() as session:
        payment_id = session.execute(text("select payment_id from settlements")).scalar_one()

    school.provider.switch(webhook_drop_percent=dropped)
    dispute = school.provider.dispute(payment_id)
    school.provider.close_dispute(dispute["id"], outcome)
    school.provider.settle()
    found = reconcile(school, since=now() - timedelta(hours=1))

    assert (found.findings_new, found.movements_seen) == (0, 3 if outcome == "won" else 2)
    assert held_by_provider() == sum(each.net_minor for each in moved(school))
    with Transaction() as session:
        raised = session.execute(text("select raised_minor from campaign_totals")).scalar_one()
        assert drift_check(session) == []
    assert raised == raised_minor


def moved(school):
    since = now() - timedelta(hours=1)
    return list(gateway.balance_transactions(school.provider.accounts["fondation"], since))


def held_by_provider():
    held = text("select sum(debit_minor - credit_minor) from ledger_entries where account = 'provider'")
    with Transaction() as session:
        return session.execute(held).scalar_one()


def booked(*accounts):
    """What stands on some accounts, debit positive."""
    with Transaction() as session:
        rows = session.execute(
            text("select account, sum(debit_minor - credit_minor) from ledger_entries group by account")
        )
        found = {account: int(minor) for account, minor in rows}
    return tuple(found.get(each, 0) for each in accounts)


def test_a_movement_that_nobody_explains_waits_in_suspense_and_the_balances_agree(school):
    give(school, 1)
    _tell_past(school, [_unknown_payment()])

    first = reconcile(school)
    second = reconcile(school, since=now() - timedelta(hours=1))

    assert (first.findings_new, second.findings_new) == (1, 0)
    assert booked("suspense", "provider", "gifts") == (-740, 960 + 740, -1000)


def test_what_is_explained_late_leaves_suspense_by_a_reversing_entry(school):
    """A gift whose details were lost: its charge is unknown until they are there again."""
    give(school, 1)
    reconcile(school)
    with school.owner() as owner:
        owner.execute("update settlements set charge_id = 'ch_lost' || charge_id")
    reconcile(school, since=now() - timedelta(hours=1))
    assert booked("suspense", "provider") == (-960, 1920)
    with school.owner() as owner:
        owner.execute("update settlements set charge_id = replace(charge_id, 'ch_lost', '')")

    for _ in range(2):
        reconcile(school)

    assert booked("suspense", "provider") == (0, 960)
    with Transaction() as session:
        kinds = session.execute(text("select kind from ledger_transactions order by posted_at, id")).scalars()
        assert list(kinds) == ["gift", "fee", "unexplained", "correction"]
        assert drift_check(session) == []


def test_a_balance_that_differs_is_a_finding_with_both_figures_once(school):
    give(school, 1)
    reconcile(school)
    with school.owner() as owner:
        owner.execute("update ledger_entries set debit_minor = debit_minor + 7 where debit_minor = 1000")

    first, second = reconcile(school), reconcile(school)

    with Transaction() as session:
        [found] = session.query(Finding).all()
    assert (first.findings_new, second.findings_new) == (1, 0)
    assert (found.kind, found.detail["theirs_minor"], found.detail["ours_minor"]) == (
        "balance_differs",
        960,
        967,
    )


def test_what_moved_a_moment_ago_need_not_be_booked_yet(school, monkeypatch):
    """Within the grace a gift that no webhook told, and a fee that was not asked for, are no difference."""
    give(school, 1)
    give(school, 1, webhook_drop_percent=100)
    monkeypatch.setattr(reconciliations, "GRACE", timedelta(minutes=5))
    for name in ("take_missed", "_ask_details"):
        monkeypatch.setattr(reconciliations, name, lambda *_, **__: 0)

    assert reconcile(school).findings_new == 0


def test_a_balance_that_moves_while_it_is_read_is_left_to_the_next_time(school, monkeypatch):
    give(school, 1)
    moving = iter(range(100, 10_000))
    monkeypatch.setattr(provider_balances, "held", lambda *_: {"EUR": next(moving)})

    assert reconcile(school).findings_new == 0


def test_fees_are_booked_while_reconciling(school):
    give(school, 3)

    reconcile(school)

    with Transaction() as session:
        fees = text("select sum(debit_minor) from ledger_entries where account = 'fees'")
        held = text("select sum(debit_minor - credit_minor) from ledger_entries where account = 'provider'")
        assert session.execute(fees).scalar_one() == 3 * 40
        assert session.execute(held).scalar_one() == 1000 + 1001 + 1002 - 3 * 40


def test_staff_reconcile_and_read_findings(school):
    give(school, 1)
    with school.owner() as owner:
        owner.execute("update donations set amount_minor = amount_minor + 1")
    headers = bearer(rights=["giving.manage", "giving.read"])

    made = school.client.post("/api/v1/giving/reconciliations", json={"days": 1}, headers=headers)
    shown = school.client.get("/api/v1/giving/findings", headers=headers).json["items"]

    assert (made.status_code, len(made.json["items"])) == (201, 2)
    assert [each["kind"] for each in shown] == ["charge_differs"]
    assert "claire" not in json.dumps(shown).lower()
    told = school.client.get("/api/v1/giving/reconciliations", headers=headers).json["items"]
    assert told == made.json["items"][::-1]
    assert sum(each["findings_new"] for each in told) == len(shown)
    assert school.client.get("/api/v1/giving/reconciliations", headers=bearer()).status_code == 403
    refused = school.client.post("/api/v1/giving/reconciliations", json={}, headers=bearer(uuid4()))
    assert refused.status_code == 403


def test_a_finding_that_was_looked_at_waits_no_longer_and_is_not_found_again(school):
    give(school, 1)
    with school.owner() as owner:
        owner.execute("update donations set amount_minor = amount_minor + 1")
    reconcile(school)
    headers = bearer(rights=["giving.manage", "giving.read"])
    [waiting] = school.client.get("/api/v1/giving/findings", headers=headers).json["items"]

    url = f"/api/v1/giving/findings/{waiting['id']}/resolutions"
    done = school.client.post(url, json={"note": "Corrigé avec la banque"}, headers=headers)

    assert (done.status_code, set(done.json)) == (201, {"id", "resolved_at"})
    with Transaction() as session:
        assert session.get_one(Finding, UUID(waiting["id"])).note == "Corrigé avec la banque"
    assert reconcile(school, since=now() - timedelta(hours=1)).findings_new == 0
    assert school.client.get("/api/v1/giving/findings", headers=headers).json["items"] == []
    assert (
        school.client.post(url, json={"note": "non"}, headers=bearer(rights=["giving.read"])).status_code
        == 403
    )
