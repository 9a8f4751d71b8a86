"""An erased person: nothing of them stays in giving but ids, and their gifts in the books."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from services.giving import provider_events
from services.giving.drift import drift_check
from services.giving.models import Base, Donation, Donor, Transaction
from services.giving.told_events import Told
from shared import retention
from shared.messages import PersonCard
from tests.giving import world
from tests.giving.world import NOW, card, hear, mark

pytestmark = pytest.mark.usefixtures("giving")

CANARY = "Zanzibar"
ADDRESS = "zanzibar@example.org"
TO = {"given_name": CANARY, "family_name": CANARY, "address": {"city": CANARY}}
WORDS = {"email": ADDRESS, "message": f"Pour {CANARY}", "country": "FR", "locale": "en", "receipt_to": TO}


@pytest.fixture
def canary():
    """Somebody whose every field sings: known by their card, and once a guest under their own address."""
    person_id, campaign_id = uuid4(), world.campaign()
    gifts = [
        world.settled(campaign_id, given_name=CANARY, family_name=CANARY, **WORDS),
        world.settled(campaign_id, by=person_id, **WORDS),
    ]
    for gift in gifts:
        paid_by = {"customer_details": {"email": ADDRESS, "name": CANARY}}
        with Transaction() as session:
            told = Told(gift.event(**paid_by), account=gift.account, at=NOW)
            provider_events.take(session, told, body=str(paid_by))
            donation = session.get_one(Donation, gift.id)
            donation.choose_wall(shows_name=True, shows_amount=True, at=NOW)
    names = {"given_name": CANARY, "family_name": CANARY, "email": ADDRESS, "verified": [mark(ADDRESS)]}
    degrees = [{"programme": "Droit", "class_year": 2009}]
    hear(card(person_id, 1, **names, degrees=degrees, locale="en", status="died"))
    return person_id


def erase(person_id):
    hear(PersonCard.tombstone(person_id, 2))


def sung():
    """The tables in which the canary's name, address or the mark of it still stands."""
    rows = "select lower(coalesce(string_agg(t::text, ' '), '')) from {} t"
    with Transaction() as session:
        found = {
            table.name: session.execute(text(rows.format(table.name))).scalar_one()
            for table in Base.metadata.sorted_tables
        }
    return {name for name, words in found.items() if CANARY.lower() in words or mark(ADDRESS) in words}


def test_a_canary_in_every_table_is_found_nowhere_when_the_promised_days_are_over(canary):
    assert sung() == {"donors", "donations", "outbox", "provider_events"}

    erase(canary)
    assert sung() == {"outbox", "provider_events"}

    with Transaction() as session:
        session.execute(text("update outbox set published_at = now()"))
        later = NOW + max(retention.OUTBOX_CONTACT, provider_events.BODY_KEPT) + timedelta(days=1)
        retention.keep(session, at=later)
        provider_events.clear_bodies(session, at=later)
    assert sung() == set()


def rows():
    """The person's and the guest's rows and the gifts, each as a mapping by column."""
    with Transaction() as session:
        found = {
            name: session.execute(select(*model.__table__.c).where(which).order_by(model.id)).mappings().all()
            for name, model, which in (
                ("person", Donor, Donor.id == Donor.person_id),
                ("guest", Donor, Donor.id != Donor.person_id),
                ("gift", Donation, Donation.id.is_not(None)),
            )
        }
    return {name: [dict(row) for row in each] for name, each in found.items()}


EMPTY = {
    "person": {"merged_into", "email_mark", "name_key", "attached_at", "erased_at"},
    "guest": {"version", "merged_into", "class_year", "verified", "contactable", "erased_at"},
    "gift": {
        "failed_at", "failure", "refunded_at", "refunded_minor", "disputed_minor", "claimed_until",
        "link_version",
        "caller", "route", "idempotency_key", "wish_hash", "signed_in", "for_wealth_tax", "appeal",
    },
}  # fmt: skip
"""What the canary does not have, or is as little: whoever adds a column lets it sing in the canary first."""

STAYS = {
    "person": {"id", "person_id", "created_at"},
    "guest": {"id", "person_id", "created_at", "attached_at", "status"},
    "gift": {
        "id", "campaign_id", "donor_id", "amount_minor", "currency", "locale", "country", "signed_in",
        "created_at", "settled_at", "status", "wall_shows_name", "wall_shows_amount", "wall_chosen_at",
        "receipt_rhythm",
    },
}  # fmt: skip
"""What an erasure leaves: ids, times, and the gift as the books need it."""


def test_a_column_that_an_erasure_does_not_clear_is_one_of_those_that_we_mean_to_keep(canary):
    before = rows()
    erase(canary)
    after = rows()

    empty, stays = {}, {}
    for name in before:
        for old, new in zip(before[name], after[name], strict=True):
            empty.setdefault(name, set()).update(column for column, value in old.items() if not value)
            stays.setdefault(name, set()).update(
                column for column, value in old.items() if value and new[column] == value
            )
    assert empty == EMPTY
    assert stays == STAYS


@pytest.mark.parametrize("erased", ["both", "the one merged into the other"])
def test_an_erasure_of_people_who_were_merged_leaves_the_totals_right(erased):
    campaign_id, kept, lost = world.campaign(), uuid4(), uuid4()
    hear(card(kept), card(lost))
    for each in (kept, lost):
        world.settled(campaign_id, by=each, email="typed@example.org")
    hear(PersonCard(person_id=lost, version=2, merged_into=kept))

    hear(PersonCard.tombstone(lost, 3), *([PersonCard.tombstone(kept, 3)] if erased == "both" else []))

    with Transaction() as session:
        assert drift_check(session) == []
