"""What the provider posts: authentic, once, in any order, and compared with our own rows."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations

import psycopg
import pytest
from sqlalchemy import column, select, text

from services.giving import findings, provider_events
from services.giving.drift import drift_check
from services.giving.models import Finding, ProviderEvent, Transaction
from services.giving.told_events import Told
from shared.clock import now
from tests.giving import world
from tests.giving.conftest import WEBHOOK_SECRET
from tests.support.scale import sized


def post(app, event, *, secret=WEBHOOK_SECRET, at=None, account="fondation", headers=None):
    raw, signed = world.signed(event, secret, at=at)
    return app.test_client().post(f"/webhooks/stripe/giving/{account}", data=raw, headers=headers or signed)


def count(what):
    with Transaction() as session:
        return session.execute(text(f"select count(*) from {what}")).scalar_one()


def take(gift, *events):
    for event in events:
        with Transaction() as session:
            told = Told(event, account=gift.account, at=world.NOW)
            provider_events.take(session, told, body=json.dumps(event))


def retry_parked():
    with Transaction() as session:
        session.execute(
            text("update provider_events set retry_at = now() - interval '1 day' where outcome = 'parked'")
        )
        return provider_events.retry_parked(session, at=world.NOW)


def test_a_signed_event_settles_the_gift(app):
    gift = world.begin(world.campaign())

    answer = post(app, gift.event())

    assert answer.status_code == 200
    assert world.state(gift).status == "settled"


@pytest.mark.parametrize(
    "type", ["checkout.session.completed", "payment_intent.payment_failed", "refund.created"]
)
def test_the_log_of_an_event_names_its_gift(app, capsys, type):
    gift = world.settled(world.campaign())

    post(app, gift.event(type))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    named = {line["event"] for line in lines if line.get("correlation_id") == str(gift.id)}
    assert named == {"webhook taken", "request"}


def test_the_log_of_a_finding_names_its_gift_outside_a_request_too(app, capsys):
    gift = world.settled(world.campaign())
    with Transaction() as session:
        findings.record(session, "charge_differs", "foundation", "ch_1", gift.id, {}, at=world.NOW)

    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "does not agree" in each]
    assert line["correlation_id"] == str(gift.id)
    with Transaction() as session:
        assert findings.for_staff(session) == {"differences with the provider": 1}


def test_the_log_of_an_event_that_is_no_gift_s_names_none(app, capsys):
    gift = world.begin(world.campaign())
    post(app, gift.event())
    capsys.readouterr()

    post(app, gift.event("customer.created", metadata={}, payment_intent=None))

    assert "webhook taken" in (said := capsys.readouterr().out) and "correlation_id" not in said


@pytest.mark.parametrize(
    "header",
    [
        None,
        "t=abc,v1=aa",
        "v1=é",
        f"t={int(time.time())},v1=" + "0" * 64,
        "t=1,v1=aa",
    ],
    ids=["none", "no time", "no ASCII", "now", "long ago"],
)
def test_a_forged_signature_is_a_400_and_leaves_no_row(app, header):
    gift = world.begin(world.campaign())
    headers = {"Stripe-Signature": header} if header else {"X-Nothing": "1"}

    assert post(app, gift.event(), headers=headers).status_code == 400
    assert count("provider_events") == 0


@pytest.mark.parametrize("age_s", [301, -3600, 10**9])
def test_an_event_outside_five_minutes_is_refused_both_ways(app, age_s):
    gift = world.begin(world.campaign())

    assert post(app, gift.event(), at=time.time() - age_s).status_code == 400
    assert count("provider_events") == 0


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"[1,2]",
        b'{"id":"evt_1","id":"evt_1"}',
        b'{"id":NaN}',
        b"{}",
        b'{"id":"evt_1","object":"event","type":"x","created":1,"livemode":false,"data":{"object":"\\u0000"}}',
        b"[" * 100_000,
    ],
)
def test_signed_rubbish_is_a_400(app, body):
    assert post(app, body).status_code == 400
    assert count("provider_events") == 0


def test_a_body_over_the_cap_is_refused(app):
    assert post(app, b'{"a":"' + b"x" * 300_000 + b'"}').status_code in {400, 413}


def test_a_live_event_on_a_test_account_is_refused(app):
    gift = world.begin(world.campaign())

    assert post(app, gift.event() | {"livemode": True}).status_code == 400
    assert count("provider_events") == 0


def test_another_account_is_another_secret_and_another_address(app):
    gift = world.begin(world.campaign())

    assert post(app, gift.event(), account="nobody").status_code == 404
    assert post(app, gift.event(), account="amicale").status_code == 200
    assert world.state(gift).status == "pending"
    assert count("findings where kind = 'payment_differs'") == 1


def test_a_re_serialised_body_is_refused(app):
    gift = world.begin(world.campaign())
    raw, headers = world.signed(gift.event(), WEBHOOK_SECRET)

    answer = app.test_client().post(
        "/webhooks/stripe/giving/fondation", data=json.dumps(json.loads(raw), indent=1), headers=headers
    )

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_total": 4999},
        {"amount_total": 500_000},
        {"currency": "chf"},
        {"client_reference_id": "0198f000-0000-7000-8000-000000000000"},
    ],
)
def test_an_authentic_payment_that_is_not_ours_becomes_a_finding_and_no_money(app, changed):
    campaign_id = world.campaign()
    gift = world.begin(campaign_id)

    assert post(app, gift.event(**changed)).status_code == 200

    assert world.state(gift).status == "pending"
    assert (count("ledger_entries"), count("findings")) == (0, 1)
    assert count("provider_events where outcome = 'mismatch'") == 1


def test_an_event_about_a_missing_field_is_a_finding(app):
    gift = world.begin(world.campaign())

    assert post(app, gift.event(payment_intent=None)).status_code == 200

    assert count("findings where kind = 'event_unreadable'") == 1
    assert world.state(gift).status == "pending"


def test_a_gift_paid_on_two_pages_is_a_finding(app):
    gift = world.settled(world.campaign())

    post(app, gift.event(payment_intent="pi_second"))

    assert count("findings where kind = 'paid_twice'") == 1
    assert count("ledger_transactions where kind = 'gift'") == 1


def deliver_shuffled(app, gifts, *, copies=5, threads=8, seed=7):
    """Post each event several times at once, in a shuffled order; which outcomes handlers had."""
    handled = []
    original = provider_events.apply

    def counting(session, told):
        outcome = original(session, told)
        handled.append((told.id, outcome))
        return outcome

    events = [gift.event() for gift in gifts] * copies
    random.Random(seed).shuffle(events)
    provider_events.apply = counting
    try:
        with ThreadPoolExecutor(threads) as pool:
            statuses = list(pool.map(lambda event: post(app, event).status_code, events))
    finally:
        provider_events.apply = original
    return statuses, handled


def _many(count):
    campaigns = [world.campaign() for _ in range(3)]
    return [world.begin(campaigns[n % 3], 1000 + n, email=f"p{n % 17}@example.org") for n in range(count)]


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [sized(1000)])
def test_five_copies_of_each_event_have_one_effect(app, size):
    gifts = _many(size)
    statuses, handled = deliver_shuffled(app, gifts)

    assert set(statuses) == {200}
    assert len(handled) == size
    assert count("outbox where type = 'donation.settled'") == size
    assert count("ledger_transactions") == size
    with Transaction() as session:
        assert drift_check(session) == []
        assert set(session.execute(select(ProviderEvent.copies)).scalars()) == {5}


@pytest.mark.chaos
def test_without_the_once_only_row_copies_are_handled_again(app, monkeypatch):
    """The control run: a check before the insert, not the insert that decides, lets copies through."""
    check = text(
        "select cast(:event_id as text) as event_id"
        " where not exists (select from provider_events where event_id = :event_id)"
    ).columns(column("event_id"))
    monkeypatch.setattr(provider_events, "TAKE_WITH_GIFT", provider_events.with_gift(check))

    _, handled = deliver_shuffled(app, _many(30))

    assert len(handled) > 30


def books_hash():
    """One text for the books and states, whatever the order they came to be in."""
    with Transaction() as session:
        lines = session.execute(
            text("select account, debit_minor, credit_minor, kind, reference from ledger_entries"
                 " join ledger_transactions on id = transaction_id order by 1, 2, 3, 4, 5")
        ).all()  # fmt: skip
        states = session.execute(text("select status from donations")).all()
        totals = session.execute(
            text("select raised_minor, donations_count, donors_count from campaign_totals")
        ).all()
        return [tuple(map(str, row)) for row in (*lines, *states, *totals)]


def test_any_order_ends_in_the_same_state(giving_database, giving):
    types = [
        "checkout.session.completed",
        "refund.created",
        "payment_intent.payment_failed",
        "checkout.session.expired",
    ]
    ends = set()
    for number, order in enumerate(permutations(types)):
        giving_database.empty()
        gift = world.begin(world.campaign())
        for type in order:
            event = gift.event(type, event_id=f"evt_{type}")
            take(gift, *[event] * (1 + number % 2))
        retry_parked()
        ends.add(json.dumps(books_hash()).replace(gift.checkout_id.hex, ""))
    assert len(ends) == 1
    assert "refunded" in next(iter(ends))


def test_a_refund_before_its_payment_waits_and_is_then_applied(giving):
    gift = world.begin(world.campaign())

    take(gift, gift.event("refund.created"))
    assert count("provider_events where outcome = 'parked'") == 1
    assert retry_parked() == 0

    take(gift, gift.event())
    assert world.state(gift).status == "settled"
    assert retry_parked() == 1
    assert world.state(gift).status == "refunded"
    assert count("provider_events where outcome = 'parked'") == 0


def test_what_was_parked_is_dated_by_when_it_happened(giving, giving_database):
    paid_at = world.NOW - timedelta(hours=5)
    gift = world.begin(world.campaign(), at=paid_at - timedelta(minutes=3))
    with psycopg.connect(giving_database.owner_url, autocommit=True) as owner:
        owner.execute("update checkouts set id = gen_random_uuid()")
        take(gift, gift.event() | {"created": int(paid_at.timestamp())})
        owner.execute("update checkouts set id = %s", [gift.checkout_id])

    assert retry_parked() == 1

    assert world.state(gift).settled_at == paid_at


def test_a_parked_event_that_cannot_be_read_stops_no_other(giving):
    bad, good = (world.begin(world.campaign()) for _ in range(2))
    take(bad, bad.event("refund.created", event_id="evt_bad"))
    take(good, good.event("refund.created"), good.event())
    with Transaction() as session:
        session.execute(text("update provider_events set body = '{}' where event_id = 'evt_bad'"))

    assert retry_parked() == 1

    assert world.state(good).status == "refunded"
    assert count("provider_events where outcome = 'parked' and tries = 1") == 1


def test_an_event_that_fits_nothing_for_an_hour_is_a_finding(giving):
    gift = world.begin(world.campaign())
    take(gift, gift.event("refund.created"))

    with Transaction() as session:
        session.execute(text("update provider_events set received_at = received_at - interval '2 hours'"))
    retry_parked()

    with Transaction() as session:
        (found,) = session.execute(select(Finding)).scalars()
        told = {name: found.detail[name] for name in ("payment", "amount_minor", "currency")}
    assert found.kind == "event_unmatched" and found.detail["at"].startswith(world.NOW.isoformat()[:10])
    assert told == {"payment": gift.payment_id, "amount_minor": gift.amount_minor, "currency": "EUR"}


def test_raw_bodies_are_forgotten_after_thirty_days_and_ids_are_not(giving):
    gift = world.settled(world.campaign())
    take(gift, gift.event(), gift.event("refund.created", payment_intent="pi_unknown"))
    with Transaction() as session:
        session.execute(text("update provider_events set received_at = now() - interval '31 days'"))
        assert provider_events.clear_bodies(session, at=world.NOW) == 2

    assert count("provider_events where body is not null") == 0
    assert count("provider_events where outcome = 'parked'") == 0
    assert count("provider_events where event_id is not null") == 2


@pytest.mark.parametrize(("minutes", "is_news"), [(1, True), (30, False)])
def test_a_webhook_that_comes_late_is_dated_by_its_payment(app, minutes, is_news):
    """Sent again by hand after a restore, say: whoever gave was thanked then."""
    gift, paid_at = world.begin(world.campaign()), now() - timedelta(minutes=minutes)
    event = gift.event() | {"created": int(paid_at.timestamp())}

    assert post(app, event).status_code == 200

    assert (world.state(gift).settled_at > now() - timedelta(seconds=30)) is is_news
    assert is_news or world.state(gift).settled_at == paid_at.replace(microsecond=0)
