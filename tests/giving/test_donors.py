"""Who gives: replicas that converge, guests who become people, people who become one and two again."""

import random
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving import donors
from services.giving.drift import drift_check
from services.giving.models import CampaignTotal, Donation, Donor, Transaction
from shared.messages import PersonCard
from tests.giving import world
from tests.giving.world import card, hear, mark

pytestmark = pytest.mark.usefixtures("giving")


def donor(donor_id):
    with Transaction() as session:
        return session.get(Donor, donor_id)


def count(campaign_id):
    with Transaction() as session:
        assert drift_check(session) == []
        return session.get_one(CampaignTotal, campaign_id).donors_count


def test_whose_address_it_is_is_found_among_those_who_have_verified_one():
    with Transaction() as session:
        session.execute(text("set local enable_seqscan = off"))
        plan = "\n".join(session.execute(text(f"explain {donors.OWNERS.text}"), {"mark": "m"}).scalars())

    assert "ix_donors_marks" in plan


def test_the_newest_card_wins_in_whatever_order_they_come():
    person_id = uuid4()
    degrees = {n: [{"programme": "Droit", "class_year": 2000 + n}] for n in range(1, 6)}
    cards = [card(person_id, n, family_name=f"Name {n}", degrees=degrees[n]) for n in degrees]
    random.Random(3).shuffle(cards)

    hear(*cards, *cards)

    kept = donor(person_id)
    assert (kept.version, kept.family_name, kept.class_year) == (5, "Name 5", 2005)


def test_no_card_revives_an_erased_person():
    person_id = uuid4()
    gift = world.settled(world.campaign(), by=person_id, email="typed@example.org", message="Pour Zoé")
    hear(card(person_id, 1, email="claire@example.org"))

    hear(PersonCard.tombstone(person_id, 3), card(person_id, 2), card(person_id, 3))

    kept = donor(person_id)
    assert (kept.version, kept.given_name, kept.email, kept.search) == (3, "", None, "")
    assert kept.erased_at is not None
    with Transaction() as session:
        stripped = session.get_one(Donation, gift.id)
        assert (stripped.email, stripped.message, stripped.status) == (None, None, "settled")


def test_a_guest_is_one_donor_under_one_address_and_name():
    campaign_id = world.campaign()

    world.settled(campaign_id)
    world.settled(campaign_id, given_name="CLAIRE", family_name="lemoine", email="Claire@Example.org ")
    world.settled(campaign_id, given_name="Paul")

    assert count(campaign_id) == 2


def test_a_guest_becomes_the_person_whose_card_has_the_address_verified():
    campaign_id, person_id = world.campaign(), uuid4()
    world.settled(campaign_id)
    world.settled(campaign_id, by=person_id, email="other@example.org")
    assert count(campaign_id) == 2

    hear(card(person_id, verified=[mark()]))

    assert count(campaign_id) == 1
    with Transaction() as session:
        assert len(donors.rows_of(session, person_id)) == 2
        told = (
            session.execute(text("select payload from outbox where type = 'donor.attached'")).scalars().all()
        )
    assert len(told) == 1
    assert str(person_id) in told[0]


def test_guests_are_locked_in_the_order_of_their_ids():
    """However they stand in the table and its indexes: two cards never hold what the other waits for."""
    campaign_id = world.campaign()
    ids = [
        world.state(world.begin(campaign_id, given_name=name, email=email)).donor_id
        for name, email in (("Zoé", "zoe@example.org"), ("Anne", "anne@example.org"))
    ]
    with Transaction() as session:
        session.execute(text("update donors set locale = 'en' where id = :id"), {"id": ids[0]})

    hear(card(uuid4(), verified=[mark("zoe@example.org"), mark("anne@example.org")]))

    with Transaction() as session:
        told = "select cast(key as uuid) from outbox where type = 'donor.attached' order by position"
        assert list(session.execute(text(told)).scalars()) == ids


def test_an_address_that_is_not_verified_attaches_nobody():
    campaign_id, person_id = world.campaign(), uuid4()
    gift = world.settled(campaign_id)

    hear(card(person_id, email="claire@example.org"))

    assert donor(world.state(gift).donor_id).person_id is None


def test_a_gift_under_an_address_known_as_verified_is_the_persons_at_once():
    campaign_id, person_id = world.campaign(), uuid4()
    hear(card(person_id, verified=[mark()]))

    gift = world.settled(campaign_id, given_name="Clairette")

    assert donor(world.state(gift).donor_id).person_id == person_id
    assert count(campaign_id) == 1


def test_an_address_verified_by_two_people_attaches_nobody():
    hear(card(uuid4(), verified=[mark()]), card(uuid4(), verified=[mark()]))

    gift = world.begin(world.campaign())

    assert donor(world.state(gift).donor_id).person_id is None


def test_people_merged_count_once_and_unmerged_twice():
    campaign_id, kept, lost = world.campaign(), uuid4(), uuid4()
    hear(card(kept), card(lost))
    for each in (kept, lost):
        world.settled(campaign_id, by=each, email="typed@example.org")
    assert count(campaign_id) == 2

    hear(PersonCard(person_id=lost, version=2, merged_into=kept))
    assert count(campaign_id) == 1

    world.settled(campaign_id, by=lost, email="typed@example.org")
    assert count(campaign_id) == 1

    hear(card(lost, 3))
    assert count(campaign_id) == 2


def test_a_chain_of_merges_ends_at_the_last_person():
    first, second, third = uuid4(), uuid4(), uuid4()
    hear(card(third), PersonCard(person_id=first, version=1, merged_into=second),
         PersonCard(person_id=second, version=1, merged_into=third))  # fmt: skip

    with Transaction() as session:
        assert donors.canonical(session, first) == third
        assert donors.canonical(session, uuid4()) is not None


def test_random_merges_and_gifts_leave_no_drift():
    dice = random.Random(11)
    campaigns = [world.campaign(), world.campaign()]
    people = [uuid4() for _ in range(5)]
    versions = dict.fromkeys(people, 0)
    for _ in range(60):
        person_id = dice.choice(people)
        act = dice.random()
        if act < 0.5:
            who = {"by": person_id} if act < 0.35 else {}
            world.settled(dice.choice(campaigns), **who, email=f"p{dice.randrange(3)}@example.org")
            continue
        versions[person_id] += 1
        later = [each for each in people if each > person_id]
        into = dice.choice(later) if later and act < 0.75 else None
        verified = [mark(f"p{dice.randrange(3)}@example.org")] if into is None else []
        hear(card(person_id, versions[person_id], merged_into=into, verified=verified))
        for each in campaigns:
            count(each)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Zoë  Łempicka", "zoe łempicka"),
        ("D’Aubigné", "d aubigne"),
        ("NGUYỄN", "nguyen"),
        ("a.b@example.org", "a.b@example.org"),
        ("Straße", "strasse"),
    ],
)
def test_names_are_found_without_accents_and_capitals(name, folded):
    assert donors.fold(name) == folded
