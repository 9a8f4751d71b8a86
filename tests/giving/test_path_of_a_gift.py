"""One gift from the form to the books, through the doors, with the provider playing its part."""

import json
from datetime import timedelta
from uuid import uuid4

from services.giving import checkouts, findings, paths, reconciliations
from services.giving.drift import drift_check
from services.giving.models import Settlement, Transaction
from shared.clock import now
from tests.giving import world
from tests.support.tokens import bearer


def test_a_guest_gives_fifty_euros(school):
    campaign_id = world.campaign()

    begun = school.give(campaign_id, 5000)
    assert begun["status"] == "pending"
    paid = school.provider.pay(begun["checkout_url"])
    school.provider.settle()

    assert paid.headers["location"].endswith(f"/l/gift/{begun['link']}?paid=1")
    seen = school.client.get(f"/api/v1/giving/gift-links/{begun['link']}").json
    assert (seen["status"], seen["can_retry"], seen["receipt_expected"]) == ("settled", False, True)
    total = school.client.get(f"/api/v1/giving/campaigns/{campaign_id}/total").json
    assert (total["raised_minor"], total["donations_count"], total["donors_count"]) == (5000, 1, 1)


def test_means_and_fee_come_from_the_balance_transaction(school):
    begun = school.given(world.campaign(), 5000)

    assert reconciliations.fetch_details(["fondation"], at=now()) == 1

    shown = school.client.get(
        f"/api/v1/giving/donations/{begun['id']}", headers=bearer(rights=["giving.read"])
    ).json
    assert shown["method"] == {"kind": "card", "brand": "visa", "last4": "4242"}
    assert (shown["fee_minor"], shown["net_minor"]) == (100, 4900)
    assert [line["account"] for line in shown["ledger"]] == ["provider", "gifts", "fees", "provider"]
    assert sum(line["debit_minor"] - line["credit_minor"] for line in shown["ledger"]) == 0


def test_staff_refund_a_gift_once(school):
    campaign_id = world.campaign()
    begun = school.given(campaign_id, 5000)
    headers = bearer(rights=["giving.refund"]) | {"Idempotency-Key": str(uuid4())}
    wish = {"reason": "error", "note": "Donné deux fois par erreur"}

    refunds = [
        school.client.post(f"/api/v1/giving/donations/{begun['id']}/refunds", json=wish, headers=headers)
        for _ in range(2)
    ]
    school.provider.settle()

    assert [each.status_code for each in refunds] == [201, 201]
    assert refunds[0].json["status"] == "completed"
    assert refunds[0].json["id"] == refunds[1].json["id"]
    total = school.client.get(f"/api/v1/giving/campaigns/{campaign_id}/total").json
    assert (total["raised_minor"], total["donations_count"], total["donors_count"]) == (0, 0, 0)
    with Transaction() as session:
        assert drift_check(session) == []


def test_a_declined_card_leaves_the_page_open_for_another(school):
    begun = school.give(world.campaign(), 5000)

    school.provider.decline(begun["checkout_url"])
    school.provider.settle()
    seen = school.client.get(f"/api/v1/giving/gift-links/{begun['link']}").json
    assert (seen["status"], seen["can_retry"]) == ("pending", True)
    assert seen["declined_at"] is not None

    again = school.client.post(
        f"/api/v1/giving/gift-links/{begun['link']}/checkouts", headers={"Idempotency-Key": str(uuid4())}
    ).json
    assert again["checkout_url"] == begun["checkout_url"]
    school.provider.pay(again["checkout_url"])
    school.provider.settle()
    assert school.client.get(f"/api/v1/giving/gift-links/{begun['link']}").json["status"] == "settled"


def test_a_page_that_expired_fails_the_gift_and_a_new_page_may_still_settle_it(school):
    begun = school.give(world.campaign(), 5000)
    with Transaction() as session:
        from services.giving.models import Checkout

        opened = session.query(Checkout).one()

    school.provider.expire(opened.session_id, "fondation")
    school.provider.settle()
    assert school.client.get(f"/api/v1/giving/gift-links/{begun['link']}").json["status"] == "failed"

    again = school.client.post(
        f"/api/v1/giving/gift-links/{begun['link']}/checkouts", headers={"Idempotency-Key": str(uuid4())}
    ).json
    assert again["checkout_url"] != begun["checkout_url"]
    school.provider.pay(again["checkout_url"])
    school.provider.settle()
    assert school.client.get(f"/api/v1/giving/gift-links/{begun['link']}").json["status"] == "settled"


def test_webhooks_that_never_came_are_found_by_reconciliation(school):
    campaign_id = world.campaign()
    school.provider.switch(webhook_drop_percent=100)
    begun = [school.give(campaign_id, 5000 + n, email=f"p{n}@example.org") for n in range(5)]
    for each in begun:
        school.provider.pay(each["checkout_url"])
    school.provider.settle()

    first = reconciliations.reconcile(school.provider.accounts["fondation"])
    second = reconciliations.reconcile(school.provider.accounts["fondation"])

    assert first.events_taken == 5
    assert (second.events_taken, second.findings_new) == (0, 0)
    with Transaction() as session:
        assert drift_check(session) == []
        assert session.query(Settlement).filter(Settlement.detailed_at.is_(None)).count() == 0


def test_the_path_of_a_gift_says_each_step_with_its_time(school):
    begun = school.given(world.campaign(), 5000)
    reconciliations.fetch_details(["fondation"], at=now())

    answer = school.client.get(
        f"/api/v1/giving/paths/{begun['id']}", headers=bearer(rights=["system.read"])
    ).json

    kinds = [step["kind"] for step in answer["steps"]]
    assert {"form_filled", "payment_accepted", "provider_event", "settled", "said", "fee_known"} <= set(kinds)
    assert kinds[0] == "form_filled"
    assert all(step["service"] == "giving" and step["title"]["fr"] for step in answer["steps"])


def test_the_path_says_why_a_bank_refused_and_counts_the_entries_of_the_gift_alone(school):
    begun = school.give(world.campaign(), 5000)
    school.provider.pay(begun["checkout_url"], "insufficient")
    school.provider.settle()
    school.provider.pay(begun["checkout_url"])
    school.provider.settle()
    reconciliations.fetch_details(["fondation"], at=now())

    told = school.client.get(
        f"/api/v1/giving/paths/{begun['id']}", headers=bearer(rights=["system.read", "giving.read"])
    ).json["steps"]

    refused = next(step for step in told if step["kind"] == "payment_declined")
    assert refused["detail"] == {"fr": "provision insuffisante", "en": "insufficient funds"}
    assert refused["technical"]["decline_code"] == "insufficient_funds"
    titles = [step["title"]["en"] for step in told if step["kind"] == "provider_event"]
    assert [title for title in titles if title.startswith("Bank")] == [
        "Bank’s refusal verified",
        "Bank’s confirmation verified",
    ]
    settled = next(step for step in told if step["kind"] == "settled")
    assert settled["detail"]["en"] == "2 balanced entries"


def test_the_path_tells_of_parts_refunds_that_came_back_and_disputes(giving):
    gift = world.settled(world.campaign())
    part = gift.part(2000)
    came_back = gift.part(2000, status="failed", failure_reason="expired_or_canceled_card")
    world.tell(gift, part, came_back, gift.dispute(), gift.dispute("won"))

    with Transaction() as session:
        told = paths.steps(session, gift.id, {"giving.read"}.__contains__)

    titles = {step.kind: step.title["en"] for step in told}
    assert titles["refunded"] == "Gift refunded in part, entries reversed"
    assert titles["refund_returned"] == "Refund came back, entries restored"
    assert (titles["disputed"], titles["dispute_won"]) == (
        "Payment disputed by the donor’s bank",
        "Dispute won",
    )
    assert sum(step.title["en"] == "Dispute message verified" for step in told) == 2


def test_a_refusal_told_in_whole_seconds_stands_after_the_form_that_led_to_it(giving):
    begun_at = world.NOW + timedelta(milliseconds=400)
    gift = world.begin(world.campaign(), at=begun_at)
    with Transaction() as session:
        checkouts.decline(session, gift.checkout_id, code="expired_card", at=world.NOW)

    with Transaction() as session:
        told = [(step.kind, step.at) for step in paths.steps(session, gift.id, {"giving.read"}.__contains__)]

    assert told == [("form_filled", begun_at), ("payment_declined", begun_at)]


def test_who_may_not_read_gifts_sees_that_and_when_each_step_happened_and_no_card_payment_or_sum(school):
    begun = school.give(world.campaign(), 5000)
    school.provider.pay(begun["checkout_url"], "insufficient")
    school.provider.settle()
    school.provider.pay(begun["checkout_url"])
    school.provider.settle()
    reconciliations.fetch_details(["fondation"], at=now())
    with Transaction() as session:
        findings.record(session, "amount_mismatch", "fondation", "pi_9", begun["id"], {"ours": 1}, at=now())

    whole, outline = (
        school.client.get(f"/api/v1/giving/paths/{begun['id']}", headers=bearer(rights=rights)).json["steps"]
        for rights in (["system.read", "giving.read"], ["system.read"])
    )

    assert [(step["at"], step["title"]) for step in outline] == [
        (step["at"], step["title"]) for step in whole
    ]
    told, hidden = (json.dumps(each, ensure_ascii=False) for each in (whole, outline))
    for private in ("••", "insufficient", "fee_minor", "movement", '"payment"', "pi_9", "ours"):
        assert private in told and private not in hidden, private
