"""Walls: nobody is named unless they chose it, and nobody by what somebody else typed."""

from uuid import uuid4

from services.giving import walls
from services.giving.models import Donation, Transaction
from tests.giving import world
from tests.giving.world import card, hear, mark

URL = "/api/v1/giving/gift-links"
DEGREES = [{"programme": "Droit public", "class_year": 2009}]
BOTH = {"shows_name": True, "shows_amount": True}


def wall(school, campaign_id):
    return school.client.get(f"/api/v1/giving/campaigns/{campaign_id}/wall").json["items"]


def shown(campaign_id):
    """Name and class of each gift, when its donor ticked the name."""
    with Transaction() as session:
        for donation in session.query(Donation):
            donation.choose_wall(shows_name=True, shows_amount=False, at=world.NOW)
        session.flush()
        return [(x["name"], x["class_year"]) for x in walls.latest(session, campaign_id, most=10)]


def test_nobody_is_named_on_the_wall_unless_they_chose_it(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id, 5000)
    assert [(each["name"], each["amount_minor"]) for each in wall(school, campaign_id)] == [(None, None)]

    for choice, expected in [
        ({"shows_name": True, "shows_amount": False}, ("Claire L.", None)),
        (BOTH, ("Claire L.", 5000)),
        ({"shows_name": False, "shows_amount": False}, (None, None)),
    ]:
        answer = school.client.put(f"{URL}/{begun['link']}/wall", json=choice)
        assert (answer.status_code, answer.json["wall"]) == (200, choice)
        assert [(each["name"], each["amount_minor"]) for each in wall(school, campaign_id)] == [expected]


def test_a_gift_that_waits_is_not_on_the_wall(school):
    campaign_id = world.campaign()
    school.give(campaign_id)

    assert wall(school, campaign_id) == []


def test_who_gives_signed_in_is_shown_by_their_card(giving):
    campaign_id, person_id = world.campaign(), uuid4()
    hear(card(person_id, given_name="Élodie", family_name="Martin", degrees=DEGREES))

    world.settled(campaign_id, by=person_id, email="elodie@example.org")

    assert shown(campaign_id) == [("Élodie M.", 2009)]


def test_a_stranger_who_types_a_persons_address_shows_nothing_of_that_person(giving):
    """Before and after the gift is hers in the books: typing an address proves nothing."""
    campaign_id, person_id = world.campaign(), uuid4()
    theirs = card(person_id, given_name="Élodie", family_name="Martin", degrees=DEGREES, verified=[mark()])
    hear(theirs)
    typed = {"given_name": "Zorro", "family_name": "Autre", "email": "claire@example.org"}

    world.settled(campaign_id, **typed)

    assert shown(campaign_id) == [("Zorro A.", None)]
