"""SEPA debits: promised, announced, and given when the bank has paid; never before, never twice."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from services.giving import debits, gifts
from services.giving.drift import drift_check
from services.giving.models import Debit, Donation, Entity, Settlement, Transaction
from services.giving.models.debits import first_day, is_creditor_id
from services.giving.settings import current
from shared.clock import now
from shared.messages import by_type
from tests.giving import world
from tests.giving.world import NOW
from tests.support.tokens import bearer

CREDITOR = "FR72ZZZ123456"
LINKS = "/api/v1/giving/gift-links"


@pytest.fixture
def campaign(school):
    """A campaign of an entity that may debit."""
    campaign_id = world.campaign()
    with Transaction() as session:
        session.execute(select(Entity)).scalar_one().creditor_id = CREDITOR
    return campaign_id


@pytest.fixture
def promised(school, campaign):
    """A gift whose donor has signed."""
    return sign(school, campaign)


def sign(school, campaign, fate="taken"):
    begun = school.give(campaign)
    assert school.provider.pay(begun["checkout_url"], fate).status_code == 303
    school.provider.settle()
    return begun


def pay_again(school, begun):
    where = f"{LINKS}/{begun['link']}/checkouts"
    return school.client.post(where, headers={"Idempotency-Key": str(uuid4())})


def announce(at=None):
    return debits.announce_each(list(current().accounts), at=at or now() + timedelta(minutes=1))


def said(type):
    with Transaction() as session:
        rows = session.execute(text("select payload from outbox where type = :type"), {"type": type})
        return [by_type[type].schema.loads(payload) for payload in rows.scalars()]


def pass_days(school, days):
    school.provider.let_pass(days=days)
    school.provider.settle()


def raised():
    with Transaction() as session:
        assert drift_check(session) == []
        return session.execute(text("select raised_minor, donors_count from campaign_totals")).one()


def test_a_promised_debit_is_not_given(school, promised):
    shown = school.client.get(f"{LINKS}/{promised['link']}").json

    assert (shown["status"], shown["can_retry"], shown["debit"]) == ("pending", False, None)
    assert shown["processing_at"] is not None
    assert raised() == (0, 0)
    assert said("donation.settled") == []


def test_the_donor_is_told_once_when_the_debit_comes(school, promised):
    assert announce() == 1
    assert announce(now() + timedelta(days=1)) == 0

    (told,) = said("debit.announced")
    shown = school.client.get(f"{LINKS}/{promised['link']}").json["debit"]
    assert told["creditor_id"] == shown["creditor_id"] == CREDITOR
    assert told["mandate_reference"] == shown["mandate_reference"] and len(told["mandate_reference"]) == 16
    assert told["debit_on"].isoformat() == shown["debit_on"]
    assert told["debit_on"] >= NOW.date() + timedelta(days=2)
    assert (told["amount_minor"], told["last4"]) == (5000, "2606")


def test_two_workers_announce_a_debit_once(school, promised):
    with Transaction() as session:
        debit = session.execute(select(Debit)).scalar_one()
        method = debits.Method(kind="sepa_debit", brand=None, last4="2606", country="FR")
        told = [debits.announce(session, debit.checkout_id, "R1", method, at=NOW) for _ in range(2)]

    assert told == [True, False]
    assert len(said("debit.announced")) == 1


def test_what_was_decided_before_it_was_announced_is_announced_no_more(school, promised):
    pass_days(school, 6)

    assert announce(now() + timedelta(days=6)) == 0
    assert said("debit.announced") == []


def test_it_is_given_when_the_bank_has_paid(school, promised):
    announce()
    pass_days(school, 6)

    (told,) = said("donation.settled")
    assert told["donation_id"] == UUID(promised["id"])
    assert raised() == (5000, 1)
    shown = school.client.get(f"{LINKS}/{promised['link']}").json
    assert (shown["status"], shown["processing_at"], shown["debit"]) == ("settled", None, None)
    with Transaction() as session:
        assert session.execute(select(Settlement.payment_id)).scalar_one().startswith("pi_")


def test_it_is_not_given_when_the_bank_refuses_and_may_be_paid_otherwise(school, campaign):
    begun = sign(school, campaign, "refused")
    announce()
    pass_days(school, 6)

    (told,) = said("donation.failed")
    assert told["reason"] == "declined"
    assert raised() == (0, 0)
    again = pay_again(school, begun)
    school.provider.pay(again.json["checkout_url"])
    school.provider.settle()
    assert raised() == (5000, 1)


def test_a_gift_whose_debit_is_on_its_way_is_not_paid_a_second_time(school, campaign):
    key = str(uuid4())
    begun = school.give(campaign, key=key)
    school.provider.pay(begun["checkout_url"], "taken")
    school.provider.settle()

    again = pay_again(school, begun)
    repeated = school.give(campaign, key=key)

    assert (again.status_code, again.json["code"]) == (409, "donation_processing")
    assert (repeated["id"], repeated["checkout_url"]) == (begun["id"], None)


def test_without_a_creditor_identifier_no_debit_is_offered(school):
    begun = school.give(world.campaign())

    school.provider.pay(begun["checkout_url"], "taken")

    assert "FR14" not in school.provider.look(begun["checkout_url"]).text
    with Transaction() as session:
        assert session.execute(select(Debit)).all() == []
        assert session.get_one(Donation, begun["id"]).status == "pending"


def test_an_event_of_a_debit_that_comes_late_or_twice_changes_nothing(school, promised):
    with Transaction() as session:
        debit = session.execute(select(Debit)).scalar_one()
        again = debits.promise(session, debit.checkout_id, payment_id="pi_other", at=NOW)
        unknown = debits.promise(session, uuid4(), payment_id="pi_other", at=NOW)
        gift = gifts.read(session, debit.donation_id)

    assert (again, unknown, gift.settled_at) == ("ignored", "parked", None)


@pytest.mark.parametrize(
    ("told", "first"),
    [
        ("2026-12-01", "2026-12-03"),
        ("2026-12-03", "2026-12-07"),
        ("2026-12-23", "2026-12-28"),
        ("2027-03-24", "2027-03-30"),
        ("2026-12-30", "2027-01-04"),
        ("2026-04-29", "2026-05-04"),
    ],
)
def test_a_debit_comes_two_days_after_it_was_told_when_banks_work(told, first):
    assert first_day(date.fromisoformat(told)) == date.fromisoformat(first)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("FR72ZZZ123456", True),
        ("DE98ZZZ09999999999", True),
        ("FR72ABC123456", True),
        ("FR73ZZZ123456", False),
        ("fr72zzz123456", False),
        ("FR72ZZZ", False),
        ("FR72ZZZ12345é", False),
        ("", False),
    ],
)
def test_a_creditor_identifier_has_check_digits(text, right):
    assert is_creditor_id(text) is right


@pytest.mark.parametrize(
    ("typed", "status", "kept"),
    [
        ("fr72 zzz 123456", 200, CREDITOR),
        (None, 200, None),
        ("FR73ZZZ123456", 422, "FR21ZZZ8A2F01"),
        ("F" * 5000, 422, "FR21ZZZ8A2F01"),
        (5, 422, "FR21ZZZ8A2F01"),
    ],
)
def test_staff_say_by_which_identifier_an_entity_debits(school, campaign, typed, status, kept):
    with Transaction() as session:
        entity = session.execute(select(Entity)).scalar_one()
        entity.creditor_id, limit = "FR21ZZZ8A2F01", entity.refund_alone_minor
    where = f"/api/v1/giving/entities/{entity.id}"
    manage = bearer(rights=["giving.manage"])

    answer = school.client.patch(where, json={"creditor_id": typed}, headers=manage)
    reader = school.client.patch(where, json={"creditor_id": None}, headers=bearer(rights=["giving.read"]))

    assert (answer.status_code, reader.status_code) == (status, 403)
    with Transaction() as session:
        found = session.execute(select(Entity)).scalar_one()
        assert (found.creditor_id, found.refund_alone_minor) == (kept, limit)
