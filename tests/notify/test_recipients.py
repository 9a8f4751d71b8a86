"""The replica of people: versions, tombstones, merges, and what an erasure leaves behind."""

import random
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import select, text

from services.notify import deliveries, gifts, parties, recipients, subscriptions
from services.notify.connectors import Arrived, Missed
from services.notify.models import CHANGED, CrmChange, Email, Recipient, TimelineEntry, Transaction
from shared.db import uuid7
from shared.messages import DonorAttached, PersonCard
from tests.support import facts
from tests.support.facts import NOW


def _keep(*cards):
    with Transaction() as session:
        return [recipients.keep(session, card, at=NOW) for card in cards]


def _row(person_id):
    with Transaction() as session:
        return session.get(Recipient, person_id)


def test_an_older_card_changes_nothing():
    person_id = uuid7()

    taken = _keep(
        facts.card(person_id, 3, given_name="Clara"),
        facts.card(person_id, 2, given_name="Claire"),
        facts.card(person_id, 3, given_name="Claire"),
    )

    assert taken == [True, False, False]
    assert _row(person_id).given_name == "Clara"


def test_no_card_brings_an_erased_person_back():
    person_id = uuid7()
    _keep(facts.card(person_id, 1), facts.heard(PersonCard.tombstone(person_id, 3)), facts.card(person_id, 2))

    row = _row(person_id)
    assert row.erased_at is not None and row.version == 3
    assert (row.given_name, row.family_name, row.email, row.class_year) == ("", "", None, None)


def test_cards_in_any_order_and_number_end_in_the_same_replica():
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    ends = set()
    for order in permutations(range(4)):
        person_id = uuid7()
        cards = [
            facts.card(person_id, 1),
            facts.card(person_id, 2, given_name="Clara", email="clara@example.org"),
            facts.card(person_id, 3, status="died"),
            facts.heard(PersonCard.tombstone(person_id, 4)),
        ]
        _keep(*(cards[n] for n in order for _ in range(dice.randint(1, 3))))
        row = _row(person_id)
        ends.add((row.version, row.given_name, row.email, row.status, row.erased_at is not None))

    assert ends == {(4, "", None, "living", True)}


def test_merged_ids_speak_for_the_survivor_and_an_unmerge_restores_them():
    one, two, three = uuid7(), uuid7(), uuid7()
    _keep(facts.card(one, 1), facts.card(two, 1), facts.card(three, 1))
    _keep(
        facts.heard(PersonCard(person_id=one, version=2, merged_into=two)),
        facts.heard(PersonCard(person_id=two, version=2, merged_into=three)),
    )

    with Transaction() as session:
        assert {parties.resolve(session, each) for each in (one, two, three)} == {three}
        assert set(parties.ids(session, one)) == {one, two, three}

    _keep(facts.card(two, 3))
    with Transaction() as session:
        assert [parties.resolve(session, each) for each in (one, two, three)] == [two, two, three]


def test_a_survivor_whose_card_is_not_here_yet_is_followed_all_the_same():
    loser, survivor = uuid7(), uuid7()
    _keep(facts.heard(PersonCard(person_id=loser, version=2, merged_into=survivor)))

    with Transaction() as session:
        assert parties.resolve(session, loser) == survivor


def test_a_cycle_ends():
    one, two = uuid7(), uuid7()
    _keep(
        facts.heard(PersonCard(person_id=one, version=2, merged_into=two)),
        facts.heard(PersonCard(person_id=two, version=2, merged_into=one)),
    )

    with Transaction() as session:
        assert parties.resolve(session, one) in {one, two}
        assert set(parties.ids(session, one)) == {one, two}


def test_the_crm_hears_of_a_card_when_it_knows_the_person_and_the_card_says_something_new(settings):
    stranger, donor = uuid7(), uuid7()
    who = facts.contact(party_id=donor, person_id=donor, typed=False, card_version=1)
    with Transaction() as session:
        gifts.settled(session, facts.settled(who), settings=settings, at=NOW)

    _keep(facts.card(stranger, 1), facts.card(donor, 1), facts.card(donor, 1), facts.card(donor, 2))

    with Transaction() as session:
        causes = session.execute(select(CrmChange.party_id, CrmChange.cause)).all()
    assert causes == [(donor, "donation.settled"), (donor, "person.card")]


CANARY = "Canari-Zoé"
SUNG_IN = {"deliveries", "emails", "gifts", "guests", "recipients", "timeline_entries"}


def _sung():
    """The tables in which the canary's name still stands."""
    rows = "select coalesce(string_agg(t::text, '\n'), '') from {} t"
    with Transaction() as session:
        return {
            table.name
            for table in Recipient.metadata.sorted_tables
            if "anari" in session.execute(text(rows.format(table.name))).scalar_one()
        }


def _claim(settings, *, at):
    with Transaction() as session:
        return deliveries.claim(session, at=at, settings=settings)


@pytest.fixture
def canary(settings):
    """Somebody who gave before they were known, with each of their states on its way to a partner: one that
    was missed once, one that is being sent, one that waits."""
    person_id, email = uuid7(), "canari-zoe@example.org"
    names = {"given_name": CANARY, "family_name": CANARY, "email": email}
    guest = facts.contact(**names)
    told = facts.settled(guest, campaign_title={"fr": f"Bourse {CANARY}", "en": f"{CANARY} Scholarship"})
    with Transaction() as session:
        subscriptions.subscribe(
            session,
            url="https://partner.example/",
            types=[CHANGED],
            at=NOW - timedelta(days=1),
            settings=settings,
        )
        recipients.keep(session, facts.card(person_id, 1, **names), at=NOW)
        gifts.settled(session, told, settings=settings, at=NOW)
    parcel = _claim(settings, at=NOW)
    with Transaction() as session:
        deliveries.conclude(session, parcel, Missed("answered 500", code=500), at=NOW)
        attached = DonorAttached(party_id=guest["party_id"], person_id=person_id, attached_at=NOW)
        gifts.attached(session, facts.heard(attached), at=NOW)
    assert _claim(settings, at=NOW).state["given_name"] == CANARY
    return person_id, guest


def test_nothing_of_an_erased_person_stays_but_ids(settings, canary):
    person_id, _ = canary
    assert _sung() == SUNG_IN

    _keep(facts.heard(PersonCard.tombstone(person_id, 2)))

    assert _sung() == set()
    with Transaction() as session:
        assert set(session.execute(select(Email.status)).scalars()) == {"suppressed"}


def test_what_is_heard_and_sent_after_an_erasure_brings_nothing_back(settings, canary):
    person_id, guest = canary
    _keep(facts.heard(PersonCard.tombstone(person_id, 2)))

    with Transaction() as session:
        gifts.settled(session, facts.settled(guest), settings=settings, at=NOW)
    states = []
    while (parcel := _claim(settings, at=NOW + timedelta(hours=1))) is not None:
        states.append(parcel.state)
        with Transaction() as session:
            deliveries.conclude(session, parcel, Arrived(204), at=NOW + timedelta(hours=1))

    assert _sung() == set()
    assert {each["party_id"]: each["erased"] for each in states} == {
        str(person_id): True,
        str(guest["party_id"]): True,
    }


@pytest.mark.parametrize("then", ["sent", "failed"])
def test_an_erasure_keeps_how_an_email_ended(settings, then):
    person_id = uuid7()
    who = facts.contact(party_id=person_id, person_id=person_id, typed=False, card_version=1)
    with Transaction() as session:
        gifts.settled(session, facts.settled(who), settings=settings, at=NOW)
        email = session.execute(select(Email)).scalar_one()
        email.left(code=250, at=NOW) if then == "sent" else email.refused(code=550, reason="550", at=NOW)

    _keep(facts.heard(PersonCard.tombstone(person_id, 2)))

    with Transaction() as session:
        email = session.execute(select(Email)).scalar_one()
        assert (email.status, email.to_address, email.html) == (then, None, "")
        assert session.execute(select(TimelineEntry)).all() == []
