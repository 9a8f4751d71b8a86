"""The replica of people: versions, tombstones, merges, and what an erasure leaves behind."""

import random
from itertools import permutations

import pytest
from sqlalchemy import select

from services.notify import gifts, parties, recipients
from services.notify.models import CrmChange, Email, Recipient, TimelineEntry, Transaction
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


def test_nothing_of_an_erased_person_stays_but_ids(settings, notify_database):
    person_id = uuid7()
    guest = facts.contact(given_name=CANARY, family_name=CANARY, email="canari-zoe@example.org")
    with Transaction() as session:
        card = facts.card(person_id, 1, given_name=CANARY, family_name=CANARY, email="canari-zoe@example.org")
        recipients.keep(session, card, at=NOW)
        gifts.settled(session, facts.settled(guest), settings=settings, at=NOW)
        attached = DonorAttached(party_id=guest["party_id"], person_id=person_id, attached_at=NOW)
        gifts.attached(session, facts.heard(attached), at=NOW)

    _keep(facts.heard(PersonCard.tombstone(person_id, 2)))
    with Transaction() as session:
        late = facts.settled(guest | {"party_id": guest["party_id"]})
        gifts.settled(session, late, settings=settings, at=NOW)

    with Transaction() as session:
        statuses = session.execute(select(Email.status)).scalars().all()
        tables = Recipient.metadata.sorted_tables
        rows = [
            str(row)
            for table in tables
            for row in session.connection().exec_driver_sql(f"select t::text from {table.name} t").all()
        ]
    assert set(statuses) == {"suppressed"}
    assert len(rows) > 5 and not [row for row in rows if "anari" in row]


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
