"""The path of one gift, through every service of a running stack, as a donor and as staff live it."""

import uuid
from typing import Any

import pytest

from tests.support.donor import Donor, eventually, received
from tests.support.stack import RunningStack
from tests.support.staff import Signed, sign_in_alumna, sign_in_staff

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def staff(stack: RunningStack) -> Signed:
    return sign_in_staff(stack)


def contact_of(stack: RunningStack, party_id: str) -> dict[str, Any] | None:
    """What the partner's CRM knows of a party."""
    return received(stack)["contacts"].get(party_id)


def test_a_guests_gift_reaches_the_books_the_mailbox_and_the_crm(stack: RunningStack, staff: Signed) -> None:
    donor = Donor(stack)
    campaign = donor.campaign()
    before = donor.total(campaign["id"])

    begun = donor.give(5_000, campaign["id"])
    donor.until(begun, "settled")

    after = donor.total(campaign["id"])
    assert after["raised_minor"] - before["raised_minor"] == 5_000
    assert after["donations_count"] - before["donations_count"] == 1
    (email,) = eventually(donor.emails)
    assert "Zoë" in email["text"]
    assert "50" in email["text"]
    gift = staff.get(f"/giving/donations/{begun['id']}")
    contact = eventually(lambda: contact_of(stack, gift["donor"]["party_id"]))
    assert contact["email"] == donor.email


def test_the_partners_copy_is_signed(stack: RunningStack) -> None:
    donor = Donor(stack)
    donor.until(donor.give(), "settled")

    deliveries = eventually(lambda: [r for r in received(stack)["items"] if donor.email in r["body"]])

    assert all(each["verified"] for each in deliveries)


def test_the_path_of_a_gift_tells_each_step_in_order(stack: RunningStack, staff: Signed) -> None:
    donor = Donor(stack)
    begun = donor.give()
    donor.until(begun, "settled")
    eventually(donor.emails)

    def steps() -> list[dict[str, Any]] | None:
        found = [
            step
            for service in ("giving", "notify")
            for step in staff.get(f"/{service}/paths/{begun['id']}")["steps"]
        ]
        kinds = {step["kind"] for step in found}
        return (
            sorted(found, key=lambda step: step["at"]) if {"email_sent", "crm_delivered"} <= kinds else None
        )

    kinds = [step["kind"] for step in eventually(steps)]
    walked = [
        "form_filled",
        "payment_accepted",
        "settled",
        "published",
        "heard",
        "email_queued",
        "email_sent",
    ]
    assert sorted(walked, key=kinds.index) == walked


def test_a_wish_repeated_with_its_key_is_one_gift(stack: RunningStack) -> None:
    donor, key = Donor(stack), str(uuid.uuid4())
    wish = donor.wish()

    first, again = donor.begin(wish, key), donor.begin(wish, key)
    other = donor.begin(wish | {"amount_minor": 6_000}, key)

    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


def test_a_declined_card_takes_nothing_and_another_may_be_tried(stack: RunningStack) -> None:
    donor = Donor(stack)
    begun = donor.begin(donor.wish()).json()

    donor.press(begun["checkout_url"], "declined")
    assert donor.gift(begun)["status"] == "pending"
    donor.press(begun["checkout_url"], "visa")

    donor.until(begun, "settled")
    assert len(eventually(donor.emails)) == 1


def test_a_refund_by_staff_is_followed_everywhere(stack: RunningStack, staff: Signed) -> None:
    donor = Donor(stack)
    campaign = donor.campaign()
    before = donor.total(campaign["id"])["raised_minor"]
    begun = donor.give(7_500, campaign["id"])
    donor.until(begun, "settled")

    answer = staff.ask(
        "POST",
        f"/giving/donations/{begun['id']}/refunds",
        json={"reason": "error", "note": "Paid twice by mistake."},
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )

    assert answer.status_code == 201, answer.text
    donor.until(begun, "refunded")
    assert donor.total(campaign["id"])["raised_minor"] == before
    assert len(eventually(lambda: donor.emails() if len(donor.emails()) > 1 else None)) == 2
    gift = staff.get(f"/giving/donations/{begun['id']}")
    debits, credits = (sum(e[side] for e in gift["ledger"]) for side in ("debit_minor", "credit_minor"))
    assert debits == credits


def test_an_alumnas_gift_is_hers(stack: RunningStack, staff: Signed) -> None:
    alumna, donor = sign_in_alumna(stack), Donor(stack)
    wish = {
        k: v
        for k, v in donor.wish(3_000).items()
        if k in ("campaign_id", "amount_minor", "currency", "locale")
    }

    begun = alumna.ask(
        "POST", "/giving/donations", json=wish, headers={"Idempotency-Key": str(uuid.uuid4())}
    ).json()
    donor.press(begun["checkout_url"])
    donor.until(begun, "settled")

    assert begun["id"] in [each["id"] for each in alumna.get("/giving/my-donations")["items"]]
    story = eventually(
        lambda: [
            e
            for e in staff.get(f"/notify/timelines/{alumna.person['id']}")["items"]
            if e["amount_minor"] == 3_000
        ]
    )
    assert story


def test_an_alumna_may_not_see_what_staff_see(stack: RunningStack) -> None:
    alumna = sign_in_alumna(stack)

    for path in (
        "/giving/donations",
        "/notify/emails",
        "/directory/people",
        "/giving/system",
        "/notify/subscriptions",
    ):
        assert alumna.ask("GET", path).status_code == 403, path
