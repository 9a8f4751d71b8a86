"""Above its entity's limit a refund needs a second person, and nothing is asked of the provider before."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.giving import refunds
from services.giving.models import Entity, Refund, Transaction
from shared.clock import now
from tests.giving import world
from tests.giving.test_refunds import ask, count, given_back, only_refund, total
from tests.support.tokens import bearer

LARGE = 60_000


def staff(person_id=None, *rights):
    return bearer(person_id or uuid4(), rights=list(rights) or ["giving.refund"])


def decide(school, refund, what, *, headers=None, **body):
    url = f"/api/v1/giving/donations/{refund['donation_id']}/refunds/{refund['id']}/{what}"
    return school.client.post(url, headers=headers or staff(), json=body or None)


def test_a_large_refund_waits_for_another_person_and_then_goes(school):
    campaign_id, asker = world.campaign(), uuid4()
    begun = school.given(campaign_id, LARGE)

    asked = ask(school, begun, headers=staff(asker)).json
    refunds.chase(at=now())
    assert (asked["status"], total(campaign_id), given_back(school)) == ("waiting", LARGE, 0)

    own = decide(school, asked, "approvals", headers=staff(asker))
    assert (own.status_code, own.json["code"]) == (409, "approved_by_asker")

    other = staff()
    approved = decide(school, asked, "approvals", headers=other)
    school.provider.settle()
    assert (approved.status_code, approved.json["status"]) == (201, "completed")
    assert decide(school, asked, "approvals", headers=other).json["status"] == "completed"
    assert (total(campaign_id), given_back(school)) == (0, LARGE)
    assert count("audit_entries where action = 'refund.approved'") == 1
    late = decide(school, asked, "approvals")
    assert (late.status_code, late.json["code"]) == (409, "refund_not_waiting")


def test_the_asker_cannot_approve_even_in_the_database(school):
    asker = uuid4()
    ask(school, school.given(world.campaign(), LARGE), headers=staff(asker))

    with pytest.raises(IntegrityError) as refused, Transaction() as session:
        session.execute(text("update refunds set approved_at = now(), approved_by = requested_by"))

    assert refused.value.orig.diag.constraint_name == "ck_refunds_four_eyes"
    with pytest.raises(IntegrityError), Transaction() as session:
        session.execute(text("update refunds set provider_refund_id = 're_x'"))


def test_small_parts_of_a_large_gift_do_not_stay_below_the_limit(school):
    begun = school.given(world.campaign(), LARGE)

    assert ask(school, begun, amount_minor=50_000).json["status"] == "completed"
    assert ask(school, begun, amount_minor=100).json["status"] == "waiting"


def test_a_rejected_refund_leaves_the_gift_and_may_be_asked_again(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id, LARGE)
    asked = ask(school, begun).json

    assert decide(school, asked, "rejections", note="").status_code == 422
    answer = decide(school, asked, "rejections", note="Le don est bien voulu.")

    assert (answer.status_code, answer.json["status"]) == (201, "rejected")
    assert answer.json["rejection"] == "Le don est bien voulu."
    assert decide(school, asked, "approvals").status_code == 409
    assert total(campaign_id) == LARGE
    assert ask(school, begun).json["status"] == "waiting"


def test_one_s_own_is_taken_back_by_saying_no(school):
    asker = uuid4()
    asked = ask(school, school.given(world.campaign(), LARGE), headers=staff(asker)).json

    answer = decide(school, asked, "rejections", headers=staff(asker), note="Demandé par erreur.")

    assert answer.json["status"] == "rejected"


@pytest.mark.parametrize("what", ["approvals", "rejections"])
def test_only_who_may_refund_decides_and_only_of_that_gift(school, what):
    asked = ask(school, school.given(world.campaign(), LARGE)).json
    other = school.given(world.campaign())

    body = {"note": "Non merci."} if what == "rejections" else {}
    assert decide(school, asked, what, headers=staff(None, "giving.manage"), **body).status_code == 403
    assert decide(school, asked | {"donation_id": other["id"]}, what, **body).status_code == 404
    assert only_refund().status == "waiting"


def test_an_approval_of_more_than_is_left_since_is_refused_and_may_be_rejected(school):
    begun = school.given(world.campaign(), LARGE)
    asked = ask(school, begun).json
    with Transaction() as session:
        session.execute(text("update donations set refunded_minor = 1"))

    answer = decide(school, asked, "approvals")

    assert (answer.status_code, answer.json["code"]) == (422, "refund_too_large")
    assert only_refund().status == "waiting"


@pytest.mark.parametrize(("limit", "status"), [(None, "completed"), (LARGE, "completed"), (0, "waiting")])
def test_the_limit_is_the_entity_s_own(school, limit, status):
    begun = school.given(world.campaign(), LARGE)
    with Transaction() as session:
        entity_id = session.query(Entity).one().id

    changed = school.client.patch(
        f"/api/v1/giving/entities/{entity_id}",
        json={"refund_alone_minor": limit},
        headers=staff(None, "giving.manage"),
    )

    assert (changed.status_code, changed.json["refund_alone_minor"]) == (200, limit)
    assert count("audit_entries where action = 'entity.changed'") == 1
    assert ask(school, begun).json["status"] == status


@pytest.mark.parametrize("limit", [-1, "10", 1.5, True])
def test_a_limit_is_a_sum(school, limit):
    world.campaign()
    with Transaction() as session:
        url = f"/api/v1/giving/entities/{session.query(Entity).one().id}"

    refused = school.client.patch(
        url, json={"refund_alone_minor": limit}, headers=staff(None, "giving.manage")
    )
    assert refused.status_code == 422
    other = school.client.patch(url, json={"refund_alone_minor": 1}, headers=staff())
    assert other.status_code == 403


def desk(school, standing):
    answer = school.client.get(
        "/api/v1/giving/refunds", query_string={"standing": standing}, headers=staff(None, "giving.read")
    )
    assert answer.status_code == 200, answer.json
    return [each["id"] for each in answer.json["items"]]


def test_the_desk_shows_what_waits_what_was_asked_and_what_failed_until_it_is_asked_again(school):
    large, small = school.given(world.campaign(), LARGE), school.given(world.campaign())
    waits = ask(school, large).json["id"]
    school.provider.switch(api_fail_percent=100)
    assert ask(school, small).status_code == 503
    with Transaction() as session:
        silent = str(session.query(Refund).filter_by(donation_id=small["id"]).one().id)

    seen = [desk(school, each) for each in ("waiting", "requested", "failed")]
    assert seen == [[waits], [silent], []]

    with Transaction() as session:
        refunds.give_up(session, silent, failure="charge_disputed", at=now())
    assert (desk(school, "requested"), desk(school, "failed")) == ([], [silent])

    school.provider.behave()
    assert ask(school, small).json["status"] == "completed"
    assert desk(school, "failed") == []


def test_a_failed_refund_leaves_the_desk_when_somebody_says_how_it_ended(school):
    begun = school.given(world.campaign())
    school.provider.switch(api_fail_percent=100)
    ask(school, begun)
    refund = only_refund()
    with Transaction() as session:
        refunds.give_up(session, refund.id, failure="expired_card", at=now())

    told = {"id": refund.id, "donation_id": begun["id"]}
    assert decide(school, told, "rejections", note="Rendu par virement.").status_code == 201

    assert desk(school, "failed") == []
    assert only_refund().status == "failed"
