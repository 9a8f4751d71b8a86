"""Changes of parties on their way to a partner that answers as it likes."""

import json
import random
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from services.notify import deliveries, gifts, parties, recipients, schedule, subscriptions
from services.notify.connectors import Arrived, webhooks
from services.notify.models import CHANGED, CrmChange, Delivery, Subscription, Transaction
from services.notify.settings import use
from shared import telemetry
from shared.db import uuid7
from shared.messages import DonorAttached, PersonCard
from tests.notify.conftest import told
from tests.support import facts
from tests.support.facts import NOW
from tests.support.partner import Partner
from tests.support.scale import sized


class Clock:
    """A clock that the test moves."""

    def __init__(self):
        self.at = NOW

    def __call__(self):
        return self.at


@pytest.fixture
def demo(settings):
    """Settings that let the partner be on this machine."""
    return use(told(settings.database_url, demo=True))


def _subscribe(partner, settings, at=NOW - timedelta(days=1), **values):
    with Transaction() as session:
        subscription, partner.secret = subscriptions.subscribe(
            session, url=partner.url, types=[CHANGED], at=at, settings=settings, **values
        )
        return subscription.id


def _settle(settings, *messages):
    with Transaction() as session:
        for message in messages:
            gifts.settled(session, message, settings=settings, at=NOW)


def _push(clock, most=10_000):
    count = 0
    while count < most and schedule.push_next(clock=clock):
        count += 1
    return count


def _waiting():
    with Transaction() as session:
        waiting = Delivery.status.in_(("queued", "sending", "failed"))
        return session.execute(select(func.count()).select_from(Delivery).where(waiting)).scalar_one()


def _run_dry(clock):
    """Push until nothing waits, the clock going on."""
    for _ in range(5_000):
        _push(clock)
        if not _waiting():
            return
        clock.at += timedelta(seconds=30)
    raise AssertionError(f"{_waiting()} deliveries still wait")


def test_what_changes_while_a_partner_is_paused_waits_and_leaves_when_it_goes_on(demo):
    message = facts.settled()
    with Partner() as partner:
        one = _subscribe(partner, demo)
        _switch(one, active=False)
        _settle(demo, message)

        assert (_push(Clock()), _waiting()) == (0, 1)
        _switch(one, active=True)
        assert (_push(Clock()), _waiting()) == (1, 0)


def _switch(subscription_id, *, active):
    with Transaction() as session:
        session.get_one(Subscription, subscription_id).active = active


def test_a_gift_reaches_the_partner_signed_and_as_a_state(demo):
    message = facts.settled()
    with Partner() as partner:
        _subscribe(partner, demo)
        _settle(demo, message)

        assert _push(Clock()) == 1

    [received] = partner.received
    assert partner.refused == 0 and received["type"] == "party.changed"
    assert received["data"]["party_id"] == str(message.party_id)
    assert received["data"]["giving"][0]["given_minor"] == 12_000
    assert received["data"]["donations"][0]["donation_id"] == str(message.donation_id)
    assert "gift_link" not in str(received) and "0199.mac" not in str(received)


def test_the_log_of_a_delivery_names_the_gift_that_caused_it(demo, capsys):
    telemetry.setup(demo)
    message = facts.settled()
    with Partner() as partner:
        _subscribe(partner, demo)
        _settle(demo, message)
        _push(Clock())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    [attempted] = [line for line in lines if line["event"] == "delivery attempted"]
    assert attempted["correlation_id"] == str(message.donation_id)


def test_a_delivered_body_is_not_kept(demo):
    with Partner() as partner:
        _subscribe(partner, demo)
        _settle(demo, facts.settled())
        _push(Clock())

    with Transaction() as session:
        delivery = session.execute(select(Delivery)).scalar_one()
    assert (delivery.status, delivery.body, delivery.answer_code) == ("delivered", None, 204)


def test_a_missed_delivery_is_repeated_under_the_same_id_with_the_same_words(demo):
    clock, who = Clock(), facts.contact()
    with Partner() as partner:
        _subscribe(partner, demo)
        partner.answers = [500]
        _settle(demo, facts.settled(who))
        _push(clock)
        _settle(demo, facts.settled(who))
        _run_dry(clock)

    first, second, third = partner.ids
    assert first == second != third
    assert [each["data"]["giving"][0]["donations_count"] for each in partner.received] == [1, 2]


def test_several_changes_that_one_state_includes_are_one_delivery(demo):
    who = facts.contact()
    with Partner() as partner:
        _subscribe(partner, demo)
        _settle(demo, *(facts.settled(who) for _ in range(5)))

        assert _push(Clock()) == 1

    assert partner.received[0]["data"]["giving"][0]["given_minor"] == 60_000
    with Transaction() as session:
        statuses = session.execute(select(Delivery.status).order_by(Delivery.position)).scalars().all()
    assert statuses == ["delivered"] + ["covered"] * 4


def test_a_party_waits_behind_its_own_missed_state_and_no_other_does(demo):
    clock, claire, paul = Clock(), facts.contact(), facts.contact(email="paul@example.org")
    with Partner() as partner:
        _subscribe(partner, demo)
        partner.answers = [503]
        _settle(demo, facts.settled(claire))
        _push(clock)
        _settle(demo, facts.settled(claire), facts.settled(paul))

        assert _push(clock) == 1

    assert {each["data"]["party_id"] for each in partner.received} == {
        str(claire["party_id"]),
        str(paul["party_id"]),
    }
    assert _waiting() == 2


def _older_state_missed_then_newer(demo):
    """Two gifts; the partner loses the state after the first. How many gifts it knows of in the end."""
    clock, who = Clock(), facts.contact()
    with Partner(loses=True) as partner:
        _subscribe(partner, demo)
        partner.answers = [500]
        _settle(demo, facts.settled(who))
        _push(clock)
        _settle(demo, facts.settled(who))
        _run_dry(clock)
    return partner.states[str(who["party_id"])]["data"]["giving"][0]["donations_count"]


def test_an_older_state_never_arrives_after_a_newer_one(demo):
    assert _older_state_missed_then_newer(demo) == 2


@pytest.mark.chaos
def test_control_without_the_order_of_a_party_the_older_state_wins(demo, monkeypatch):
    guard = "not exists"
    unguarded = (
        str(deliveries.DUE).replace(guard, "(true or exists", 1).replace("'sending'))", "'sending')))")
    )
    assert guard in str(deliveries.DUE) and guard not in unguarded
    monkeypatch.setattr(deliveries, "DUE", text(unguarded))

    assert _older_state_missed_then_newer(demo) == 1


def test_retry_after_is_honoured(demo):
    clock = Clock()
    with Partner() as partner:
        _subscribe(partner, demo)
        partner.answers = [429]
        _settle(demo, facts.settled())
        _push(clock)

        clock.at = NOW + timedelta(seconds=2)
        assert _push(clock) == 0
        clock.at = NOW + timedelta(seconds=3)
        assert _push(clock) == 1


def test_a_partner_who_does_not_answer_is_left_in_peace_between_tries(demo):
    clock = Clock()
    with Partner() as partner:
        _subscribe(partner, demo)
        partner.answers = [500] * 1000
        _settle(demo, *(facts.settled(facts.contact(email=f"{n}@example.org")) for n in range(20)))

        assert _push(clock) == 5

        clock.at = NOW + timedelta(seconds=1)
        assert _push(clock) == 1


def test_a_claim_that_lapsed_is_taken_again_and_the_late_answer_ignored(demo):
    with Partner() as partner:
        _subscribe(partner, demo)
        _settle(demo, facts.settled())
        with Transaction() as session:
            slow = deliveries.claim(session, at=NOW, settings=demo)
        clock = Clock()
        assert _push(clock) == 0
        clock.at = NOW + timedelta(seconds=61)
        assert _push(clock) == 1

    with Transaction() as session:
        assert deliveries.conclude(session, slow, Arrived(500), at=NOW) is None


def _late_answer(demo, numbered):
    """A claim lapses, another process tries again; then the first says 204. The delivery after that."""
    with Partner() as partner:
        _subscribe(partner, demo)
        _settle(demo, facts.settled())
        with Transaction() as session:
            slow = deliveries.claim(session, at=NOW, settings=demo)
        with Transaction() as session:
            second = deliveries.claim(session, at=NOW + timedelta(seconds=61), settings=demo)
    assert (second.id, second.attempt) == (slow.id, slow.attempt + 1)

    with Transaction() as session:
        deliveries.conclude(session, numbered(slow, second), Arrived(204), at=NOW + timedelta(seconds=62))
    return _only()


def test_a_first_attempt_that_ends_while_the_second_is_under_way_decides_nothing(demo):
    delivery = _late_answer(demo, lambda slow, second: slow)

    assert (delivery.status, delivery.answer_code) == ("sending", None)


def test_control_under_the_number_of_the_second_its_answer_would_count(demo):
    delivery = _late_answer(demo, lambda slow, second: second)

    assert (delivery.status, delivery.answer_code) == ("delivered", 204)


def test_after_three_days_a_delivery_is_given_up_and_staff_may_try_again(demo):
    clock = Clock()
    with Partner() as partner:
        subscription_id = _subscribe(partner, demo)
        partner.answers = [500] * 1000
        _settle(demo, facts.settled())
        while (delivery := _only()).status != "failed":
            clock.at = delivery.next_attempt_at
            with Transaction() as session:
                session.get_one(Subscription, subscription_id).answered()
            _push(clock, most=1)
        assert timedelta(days=2, hours=20) < clock.at - NOW < timedelta(days=3)

        partner.answers = []
        with Transaction() as session:
            deliveries.retry(session, delivery.id, at=clock.at)
            session.get_one(Subscription, subscription_id).answered()
        _push(clock)

    assert _only().status == "delivered"


@pytest.mark.parametrize(("paused", "status"), [(True, "queued"), (False, "failed")])
def test_a_pause_is_not_counted_in_the_three_days(demo, paused, status):
    with Partner() as partner:
        subscription_id = _subscribe(partner, demo)
        _settle(demo, facts.settled())
        clock = Clock()
        clock.at = NOW + timedelta(days=4)
        if paused:
            with Transaction() as session:
                session.get_one(Subscription, subscription_id).resume(at=clock.at)
        partner.answers = [503]
        _push(clock)

    assert (_only().status, _only().attempts) == (status, 1)


def _only():
    with Transaction() as session:
        return session.execute(select(Delivery)).scalar_one()


@pytest.mark.parametrize("code", [301, 302, 307])
def test_redirects_are_not_followed(demo, code):
    with Partner() as partner, Partner() as other:
        _subscribe(partner, demo)
        partner.answers, partner.location = [code], other.url
        _settle(demo, facts.settled())
        _push(Clock())

    assert other.received == [] and other.refused == 0 and _waiting() == 1


def test_a_private_address_is_never_connected_to_outside_the_demo(settings):
    with Partner() as partner:
        _subscribe(partner, settings)
        _settle(settings, facts.settled())
        _push(Clock())

    assert partner.received == [] and _only().error == "AddressRefused"


def test_what_happened_before_a_subscription_is_not_delivered_to_it(demo):
    with Partner() as partner:
        _subscribe(partner, demo, at=NOW)
        _settle(demo, facts.settled(at=NOW - timedelta(days=400)), facts.settled(at=NOW))

        assert _push(Clock()) == 1


def test_an_erased_person_goes_with_everything(demo):
    person_id = uuid7()
    who = facts.contact(party_id=person_id, person_id=person_id, typed=False, card_version=1)
    with Partner() as partner:
        _subscribe(partner, demo)
        with Transaction() as session:
            recipients.keep(session, facts.card(person_id, 1), at=NOW)
        _settle(demo, facts.settled(who))
        _push(Clock())
        with Transaction() as session:
            recipients.keep(session, facts.heard(PersonCard.tombstone(person_id, 2)), at=NOW)
        _push(Clock())

    last = partner.received[-1]
    assert last["type"] == "party.erased"
    assert set(last["data"]) == {"party_id", "sequence", "erased", "merged_into"}
    assert "Claire" not in str(last)


@pytest.mark.chaos
def test_a_partner_failing_after_commit_ends_with_our_state_and_no_doubles(demo, monkeypatch):
    """2,000 changes at full size; 429, 500 and too late, a fifth each, all after the partner committed."""
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.2)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice, clock = random.Random(seed), Clock()
    with Partner(misbehaves=0.2, seed=seed) as partner:
        _subscribe(partner, demo)
        people = [facts.contact(email=f"{n}@example.org") for n in range(max(5, sized(100)))]
        given = []
        for _ in range(sized(2_000)):
            _change_something(dice, people, given, demo)
            _push(clock, most=dice.choice([0, 0, 1, 2]))
        _run_dry(clock)
        _compare(partner)


def _change_something(dice, people, given, settings):
    who, act = dice.choice(people), dice.random()
    with Transaction() as session:
        if act < 0.6 or not given:
            given.append(facts.settled(who))
            gifts.settled(session, given[-1], settings=settings, at=NOW)
        elif act < 0.8:
            refund = facts.refunded(given.pop(dice.randrange(len(given))))
            gifts.refunded(session, refund, settings=settings, at=NOW)
        elif act < 0.9:
            person = uuid7()
            recipients.keep(session, facts.card(person, 1), at=NOW)
            attached = DonorAttached(party_id=who["party_id"], person_id=person, attached_at=NOW)
            gifts.attached(session, facts.heard(attached), at=NOW)
        else:
            person = parties.resolve(session, who["party_id"])
            recipients.keep(session, facts.card(person, dice.randrange(1, 9), given_name="Clara"), at=NOW)


def _compare(partner):
    """The partner's states equal ours, and each party's came in the order of their sequence."""
    with Transaction() as session:
        changed = set(session.execute(select(CrmChange.party_id)).scalars())
        ours = {str(party_id): parties.state(session, party_id) for party_id in changed}
    theirs = {party_id: state["data"] for party_id, state in partner.states.items()}
    assert {key: _facts(each) for key, each in theirs.items()} == {
        key: _facts(each) for key, each in ours.items()
    }
    by_party = {}
    for each in partner.received:
        by_party.setdefault(each["data"]["party_id"], []).append(each["data"]["sequence"])
    assert all(sequences == sorted(sequences) for sequences in by_party.values())
    assert len(partner.ids) > len(partner.received)


def _facts(state):
    return {name: value for name, value in state.items() if name != "sequence"}
