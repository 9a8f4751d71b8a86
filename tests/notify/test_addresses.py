"""Where an email goes."""

import pytest

from services.notify import addresses, recipients
from services.notify.models import Transaction
from shared.db import uuid7
from shared.messages import PersonCard
from tests.support import facts
from tests.support.facts import NOW


def _choose(contact, person_id, *cards):
    with Transaction() as session:
        for card in cards:
            recipients.keep(session, card, at=NOW)
        to = addresses.choose(session, contact=contact, person_id=person_id)
    return to.address or to.withheld


CARD, TOLD = "card@example.org", "told@example.org"


@pytest.mark.parametrize(
    ("typed", "told_version", "version", "expected"),
    [
        (True, 1, 9, TOLD),
        (False, 1, 9, CARD),
        (False, 9, 9, TOLD),
        (False, 9, 1, TOLD),
        (False, 1, None, TOLD),
    ],
)
def test_a_typed_address_stands_and_otherwise_the_newer_one_wins(typed, told_version, version, expected):
    person_id = uuid7()
    contact = facts.contact(person_id=person_id, email=TOLD, typed=typed, card_version=told_version)
    cards = [facts.card(person_id, version, email=CARD)] if version else []

    assert _choose(contact, person_id, *cards) == expected


def test_without_a_contact_the_card_decides_and_else_staff_do():
    person_id = uuid7()

    assert _choose(None, person_id) == "unsure"
    assert _choose(None, None) == "unsure"
    assert _choose(None, person_id, facts.card(person_id, 1, email=CARD)) == CARD
    assert _choose(None, person_id, facts.card(person_id, 2, email=None, contactable=False)) == "unsure"


def test_an_address_that_a_newer_card_took_away_is_not_used_again():
    person_id = uuid7()
    contact = facts.contact(person_id=person_id, email=TOLD, typed=False, card_version=1)

    assert _choose(contact, person_id, facts.card(person_id, 2, email=None)) == "unsure"


def test_a_merged_person_is_written_to_at_the_survivors_address():
    loser, survivor = uuid7(), uuid7()
    contact = facts.contact(person_id=loser, email=TOLD, typed=False, card_version=50)
    merged = facts.heard(PersonCard(person_id=loser, version=51, merged_into=survivor))

    assert _choose(contact, loser, merged, facts.card(survivor, 1, email=CARD)) == CARD


def test_the_dead_are_not_written_to_unless_somebody_typed_the_address():
    person_id = uuid7()
    died = facts.card(person_id, 2, status="died")
    contact = facts.contact(person_id=person_id, email=TOLD)

    assert _choose(contact | {"typed": False}, person_id, died) == "suppressed"
    assert _choose(contact, person_id) == TOLD


def test_the_erased_are_never_written_to():
    person_id = uuid7()
    contact = facts.contact(person_id=person_id, email=TOLD, typed=True)

    assert _choose(contact, person_id, facts.heard(PersonCard.tombstone(person_id, 2))) == "suppressed"
