"""A gift goes back: once, by who may, with a reason, and the books and totals with it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.giving import provider_events, reconciliations, refunds
from services.giving.drift import drift_check
from services.giving.models import CampaignTotal, Finding, Refund, Settlement, Transaction
from services.giving.told_events import Told
from shared import audit
from shared.clock import now
from shared.payments import gateway
from tests.giving import world
from tests.giving.conftest import LINK_KEY
from tests.support.tokens import bearer

WISH = {"reason": "duplicate", "note": "Deux dons le même jour"}


def ask(school, begun, *, key=None, headers=None, **changed):
    told = headers if headers is not None else bearer(rights=["giving.refund"])
    url = f"/api/v1/giving/donations/{begun['id']}/refunds"
    return school.client.post(
        url, json=WISH | changed, headers=told | {"Idempotency-Key": key or str(uuid4())}
    )


def count(what):
    with Transaction() as session:
        return session.execute(text(f"select count(*) from {what}")).scalar_one()


def total(campaign_id):
    with Transaction() as session:
        assert drift_check(session) == []
        return session.get_one(CampaignTotal, campaign_id).raised_minor


def payment_id():
    with Transaction() as session:
        return session.query(Settlement).one().payment_id


def only_refund():
    with Transaction() as session:
        return session.query(Refund).one()


def given_back(school):
    """What the provider gave back of the only payment, in minor units."""
    return gateway.fetch_payment(school.provider.accounts["fondation"], payment_id()).charge.refunded_minor


def test_a_refund_is_told_booked_and_written_down(school):
    campaign_id, staff = world.campaign(), uuid4()
    begun = school.given(campaign_id)

    answer = ask(school, begun, headers=bearer(staff, rights=["giving.refund"]))
    school.provider.settle()

    assert (answer.status_code, answer.json["status"]) == (201, "completed")
    assert total(campaign_id) == 0
    assert count("outbox where type = 'donation.refunded'") == 1
    with Transaction() as session:
        who = session.execute(
            text("select by from audit_entries where action = 'donation.refunded'")
        ).scalar_one()
        assert who == staff
        assert audit.verify(session, key=LINK_KEY).bad_number is None
        news = session.execute(
            text("select payload from outbox where type = 'donation.refunded'")
        ).scalar_one()
    assert "Deux dons" not in news


@pytest.mark.parametrize("rights", [[], ["giving.read"], ["giving.manage"]])
def test_only_who_may_refund_does(school, rights):
    begun = school.given(world.campaign())

    assert ask(school, begun, headers=bearer(rights=rights)).status_code == 403
    assert ask(school, begun, headers={}).status_code == 401
    assert count("refunds") == 0


def test_a_right_taken_away_a_moment_ago_refunds_nothing(school):
    begun, staff = school.given(world.campaign()), uuid4()
    school.live.taken.add((staff, "giving.refund"))

    assert ask(school, begun, headers=bearer(staff, rights=["giving.refund"])).status_code == 403
    assert count("refunds") == 0


@pytest.mark.parametrize("changed", [{"reason": "whim"}, {"note": ""}])
def test_a_refund_needs_a_reason_from_the_list_and_a_note(school, changed):
    begun = school.given(world.campaign())

    answer = ask(school, begun, **changed)

    assert answer.status_code == 422
    assert list(answer.json["errors"]) == list(changed)


def test_a_gift_that_is_not_settled_cannot_be_refunded(school):
    begun = school.give(world.campaign())

    answer = ask(school, begun)

    assert (answer.status_code, answer.json["code"]) == (409, "donation_not_settled")


def test_a_gift_of_an_account_that_is_no_longer_ours_is_refused_before_anything_is_written(school):
    begun = school.given(world.campaign())
    with school.owner() as owner:
        owner.execute("update settlements set account = 'closed-last-year'")

    answer = ask(school, begun)

    assert (answer.status_code, answer.json["code"]) == (422, "not_through_provider")
    assert count("refunds") == 0


def test_an_unknown_gift_is_not_found(school):
    assert ask(school, {"id": uuid4()}).status_code == 404


def test_ten_refunds_at_once_give_back_once(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id)

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: _ask_apart(school, begun), range(10)))
    school.provider.settle()

    assert statuses.count(201) == 1
    assert set(statuses) == {201, 409}
    assert count("refunds") == 1
    assert total(campaign_id) == 0


def _ask_apart(school, begun):
    client = school.client.application.test_client()
    headers = bearer(rights=["giving.refund"]) | {"Idempotency-Key": str(uuid4())}
    return client.post(
        f"/api/v1/giving/donations/{begun['id']}/refunds", json=WISH, headers=headers
    ).status_code


def test_without_the_lock_there_would_be_several(school, monkeypatch):
    """The control run: a check without the donation's lock lets two through."""
    begun = school.given(world.campaign())
    monkeypatch.setattr(refunds, "lock", lambda session, model, row_id: session.get_one(model, row_id))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _ask_apart(school, begun), range(10)))

    assert count("refunds") > 1


def test_a_refund_interrupted_before_the_provider_heard_of_it_is_carried_out_later(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id)
    school.provider.switch(api_fail_percent=100)
    key, staff = str(uuid4()), bearer(rights=["giving.refund"])
    assert ask(school, begun, key=key, headers=staff).status_code == 503

    school.provider.behave()
    assert refunds.chase(at=now() + timedelta(minutes=2)) == 1

    school.provider.settle()
    assert total(campaign_id) == 0
    assert ask(school, begun, key=key, headers=staff).json["status"] == "completed"


def lost_answer(school, monkeypatch):
    """The provider gave the money back, we never heard it, and two days later it has forgotten our key."""
    begun = school.given(world.campaign())
    school.provider.switch(webhook_drop_percent=100, api_late_percent=100, api_late_s=1)
    monkeypatch.setattr(gateway, "READ_TIMEOUT_S", 0.3)
    gateway._client.cache_clear()
    assert ask(school, begun).status_code == 503
    school.provider.behave()
    school.provider.forget_answers()
    with Transaction() as session:
        session.execute(text("update refunds set requested_at = now() - interval '2 days'"))


def test_a_refund_whose_answer_was_lost_is_found_and_not_made_twice_even_after_a_day(school, monkeypatch):
    lost_answer(school, monkeypatch)

    assert refunds.chase(at=now() + timedelta(minutes=2)) == 1

    assert (only_refund().status, given_back(school)) == ("completed", 5000)


def test_without_the_search_a_refund_that_was_made_would_be_written_down_as_failed(school, monkeypatch):
    """The control run: the old key means nothing any more, so asking again is another, refused, refund."""
    lost_answer(school, monkeypatch)
    monkeypatch.setattr(refunds, "KEY_LIFE", timedelta(days=3))

    refunds.chase(at=now() + timedelta(minutes=2))

    assert (only_refund().status, given_back(school)) == ("failed", 5000)


def test_a_refund_that_the_provider_refuses_leaves_the_gift_as_it_was(school):
    """Somebody refunded it at the provider, and we were not told: ours is refused, theirs is found."""
    campaign_id = world.campaign()
    begun = school.given(campaign_id)
    school.provider.switch(webhook_drop_percent=100)
    foreign(school, 5000)

    answer = ask(school, begun)

    assert (answer.status_code, answer.json["code"]) == (422, "provider_refused")
    assert total(campaign_id) == 5000
    with Transaction() as session:
        assert session.query(Refund).one().status == "failed"

    reconciliations.reconcile(school.provider.accounts["fondation"])
    assert total(campaign_id) == 0
    assert count("findings") == 0


def foreign(school, amount_minor):
    """Somebody refunds in the provider's own dashboard."""
    gateway.refund(
        school.provider.accounts["fondation"], refund_id=uuid4(), payment_intent=payment_id(),
        amount_minor=amount_minor, reason="error",
    )  # fmt: skip
    school.provider.settle()


def test_a_whole_refund_made_at_the_provider_is_taken_into_the_books(school):
    campaign_id = world.campaign()
    school.given(campaign_id)

    foreign(school, 5000)

    assert total(campaign_id) == 0
    with Transaction() as session:
        assert [(each.reason, each.requested_by) for each in session.query(Refund)] == [("provider", None)]


def test_a_refund_of_the_provider_s_does_not_pass_for_ours_that_has_no_answer_yet(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id)
    school.provider.switch(api_fail_percent=100)
    assert ask(school, begun).status_code == 503
    school.provider.behave()

    foreign(school, 5000)

    assert total(campaign_id) == 0
    with Transaction() as session:
        ours, theirs = session.query(Refund).order_by(Refund.id)
        assert (ours.reason, ours.status, ours.provider_refund_id) == ("duplicate", "requested", None)
        assert (theirs.reason, theirs.status) == ("provider", "completed")
    assert refunds.chase(at=now() + timedelta(minutes=2)) == 1
    with Transaction() as session:
        assert [each.status for each in session.query(Refund).order_by(Refund.id)] == ["failed", "completed"]
        assert session.query(Finding).count() == 0


def told(account="fondation", **changed):
    """An event of the provider about a refund of the only gift, on one of our accounts."""
    refund = {
        "id": "re_told", "status": "pending", "amount": 5000, "currency": "eur",
        "payment_intent": payment_id(), "failure_reason": None, "metadata": {}, **changed,
    }  # fmt: skip
    event = {
        "id": f"evt_{uuid4().hex}", "type": "refund.created", "created": int(now().timestamp()),
        "livemode": False, "data": {"object": refund},
    }  # fmt: skip
    with Transaction() as session:
        return provider_events.take(session, Told(event, account=account, at=now()), body="{}")


def test_a_refund_made_at_the_provider_that_the_bank_takes_its_time_for_is_not_asked_for_by_us(school):
    school.given(world.campaign())
    assert told(status="pending") == "applied"

    assert refunds.chase(at=now() + timedelta(days=1)) == 0

    assert (only_refund().status, given_back(school)) == ("requested", 0)


def test_what_another_account_says_of_our_refund_is_not_believed(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id)
    school.provider.switch(api_fail_percent=100)
    assert ask(school, begun).status_code == 503
    about_ours = {"status": "succeeded", "metadata": {"refund_id": str(only_refund().id)}}

    assert told(account="amicale", **about_ours) == "parked"

    assert (only_refund().status, total(campaign_id)) == ("requested", 5000)
    assert told(**about_ours) == "applied"
    assert (only_refund().status, total(campaign_id)) == ("completed", 0)


def test_parts_given_back_at_the_provider_are_taken_into_the_books(school):
    campaign_id = world.campaign()
    school.given(campaign_id)

    for part, left in ((2000, 3000), (1000, 2000), (2000, 0)):
        foreign(school, part)
        assert total(campaign_id) == left

    assert count("refunds where reason = 'provider'") == 3
    assert count("findings") == 0


def test_a_refund_that_comes_back_after_all_is_ours_again_and_a_finding(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id)
    ask(school, begun)
    school.provider.settle()
    assert total(campaign_id) == 0

    school.provider.fail_refund(only_refund().provider_refund_id, "fondation")
    school.provider.settle()

    assert (total(campaign_id), only_refund().status) == (5000, "returned")
    assert count("donations where status = 'settled' and refunded_at is null") == 1
    assert count("outbox where type = 'donation.refund_returned'") == 1
    assert reconciliations.reconcile(school.provider.accounts["fondation"]).findings_new == 0
    with Transaction() as session:
        assert [each.kind for each in session.query(Finding)] == ["refund_came_back"]
    assert ask(school, begun).json["status"] == "completed"
    school.provider.settle()
    assert total(campaign_id) == 0


def test_a_refund_heard_of_late_is_dated_by_when_the_money_went_back(giving):
    """After a restore, say: it is no news, and its donor was told of it then."""
    gift = world.settled(world.campaign(), at=world.NOW - timedelta(days=1))
    made_at = world.NOW - timedelta(hours=3)
    event = {
        "id": "evt_late", "type": "refund.created", "created": int(made_at.timestamp()), "livemode": False,
        "data": {"object": {
            "id": "re_late", "status": "succeeded", "amount": 5000, "currency": "eur",
            "payment_intent": gift.payment_id, "metadata": {},
        }},
    }  # fmt: skip

    with Transaction() as session:
        told = Told(event, account=gift.account, at=world.NOW)
        assert provider_events.take(session, told, body="{}") == "applied"

    assert world.state(gift).refunded_at == made_at
    with Transaction() as session:
        news = text("select (payload::jsonb ->> 'refunded_at')::timestamptz from outbox where type = :type")
        assert session.execute(news, {"type": "donation.refunded"}).scalar_one() == made_at
