"""Receipts: at once for a gift that may have one, numbered without gaps, and never changed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.giving import receipt_cases, receipt_issues, receipt_voids
from services.giving.models import (
    Donation,
    Receipt,
    ReceiptAddressee,
    ReceiptLine,
    ReceiptVoid,
    Transaction,
    database,
)
from shared.clock import today
from tests.giving import receipt_world, world

pytestmark = pytest.mark.usefixtures("giving")


@pytest.fixture
def campaign():
    receipt_world.law()
    campaign_id = world.campaign()
    receipt_world.complete()
    return campaign_id


def numbers():
    with Transaction() as session:
        return list(session.execute(select(Receipt.number).order_by(Receipt.number)).scalars())


def test_a_gift_that_settled_has_its_receipt_when_the_clock_comes_by(campaign):
    gift = receipt_world.settled(campaign, 12_000)

    receipt_world.issue_due()

    receipt = receipt_world.receipt_of(gift)
    assert receipt.order_number == f"FUV-{world.NOW.year}-000001"
    assert (receipt.amount_minor, receipt.article, receipt.first_on) == (12_000, "200", today(world.NOW))
    with Transaction() as session:
        assert session.get_one(ReceiptAddressee, receipt.id).detail == receipt_world.TO
    [news] = receipt_world.said("receipt.issued")
    assert news["number"] == receipt.order_number and news["contact"]["link"].startswith("ey")


def test_a_second_look_gives_the_same_receipt(campaign):
    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()
    first = receipt_world.receipt_of(gift)

    with Transaction() as session:
        again = receipt_cases.look(session, gift.id, entity_id=first.entity_id, at=world.NOW)

    assert again.id == first.id and numbers() == [1]


def test_what_is_frozen_stays_whatever_changes_afterwards(campaign):
    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()
    before = receipt_world.receipt_of(gift).frozen

    receipt_world.complete(purpose="Autre chose.", receipt_series="NEW")

    assert receipt_world.receipt_of(gift).frozen == before


def test_the_next_series_counts_from_one(campaign):
    receipt_world.settled(campaign)
    receipt_world.issue_due()
    receipt_world.complete(receipt_series="B2")
    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()

    assert receipt_world.receipt_of(gift).order_number.startswith("B2-")
    assert numbers() == [1, 1]


def test_what_waits_for_the_office_is_caught_up_when_the_settings_are_complete():
    receipt_world.law()
    campaign = world.campaign()
    receipt_world.complete(signatories=[])
    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()
    assert receipt_world.case(gift).reasons == ["settings_incomplete"]

    receipt_world.complete()
    receipt_world.issue_due()

    assert receipt_world.receipt_of(gift) is not None


def test_no_rule_of_the_means_is_no_receipt(campaign):
    gift = world.settled(campaign, receipt_to=receipt_world.TO)
    receipt_world.tell(gift, kind="bancontact")
    receipt_world.issue_due()

    assert receipt_world.case(gift).reasons == ["no_date_rule"]


def test_the_date_is_the_one_that_the_rule_says(campaign):
    receipt_world.complete(date_rules={"card": "available"})
    gift = receipt_world.settled(campaign)

    receipt_world.issue_due()
    assert receipt_world.case(gift).reasons == ["not_yet_received"]
    receipt_world.issue_due(days=4)

    assert receipt_world.receipt_of(gift).first_on == today(world.NOW + timedelta(days=3))


def test_an_association_without_a_document_issues_nothing():
    receipt_world.law()
    campaign = world.campaign("amicale", can_issue_receipts=False)
    with Transaction() as session:
        session.execute(text("update entities set can_issue_receipts = true"))
    receipt_world.complete("amicale", entitlements={})
    begun = world.begin(campaign, receipt_to=receipt_world.TO)
    with Transaction() as session:
        from services.giving import settlements

        settlements.settle(session, begun.paid, at=world.NOW)
    receipt_world.tell(begun)
    receipt_world.issue_due()

    assert receipt_world.case(begun).reasons == ["not_entitled"]


def test_a_company_has_its_own_kind_of_receipt(campaign):
    gift = receipt_world.settled(campaign, 499_900, receipt_to=receipt_world.COMPANY)
    receipt_world.issue_due()

    assert receipt_world.receipt_of(gift).article == "238bis"


def test_staff_issue_what_waits_for_january(campaign):
    gift = receipt_world.settled(campaign, receipt_rhythm="yearly")
    receipt_world.issue_due()
    assert receipt_world.case(gift).reasons == ["yearly"]

    with Transaction() as session:
        receipt_issues.hold(session, receipt_world.entity())
        issued = receipt_cases.decide(session, gift.id, by=None, at=world.NOW)

    assert issued.id == receipt_world.receipt_of(gift).id


def in_parallel(work, gifts):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, gifts))


def test_numbers_have_no_gap_when_eight_issue_at_once_and_some_fail(campaign):
    gifts = [receipt_world.settled(campaign) for _ in range(40)]
    entity_id = receipt_world.entity()

    def work(pair):
        n, gift = pair
        try:
            with Transaction() as session:
                receipt_cases.look(session, gift.id, entity_id=entity_id, at=world.NOW)
                if n % 5 == 0:
                    raise InterruptedError
        except InterruptedError:
            pass

    in_parallel(work, enumerate(gifts))

    assert numbers() == list(range(1, len(gifts) - len(range(0, len(gifts), 5)) + 1))


def test_control_a_sequence_leaves_gaps(giving_database):
    import psycopg

    with psycopg.connect(giving_database.owner_url, autocommit=True) as owner:
        owner.execute("create sequence gaps")
        owner.execute("create table gapped (number bigint)")
    try:

        def work(n):
            with psycopg.connect(giving_database.owner_url) as connection:
                connection.execute("insert into gapped values (nextval('gaps'))")
                connection.rollback() if n % 5 == 0 else connection.commit()

        in_parallel(work, range(20))
        with psycopg.connect(giving_database.owner_url, autocommit=True) as owner:
            found = [row[0] for row in owner.execute("select number from gapped order by 1")]
        assert found != list(range(1, 17))
    finally:
        with psycopg.connect(giving_database.owner_url, autocommit=True) as owner:
            owner.execute("drop table gapped; drop sequence gaps")


@pytest.mark.parametrize(
    "statement",
    [
        "update receipts set amount_minor = 1",
        "delete from receipts",
        "update receipt_lines set amount_minor = 1",
        "update receipt_addressees set detail = '{}'",
        "delete from receipt_voids",
        "update receipt_chain set hash = ''",
    ],
)
def test_the_app_can_change_nothing_of_a_receipt(statement):
    with pytest.raises(ProgrammingError, match="permission denied"), Transaction() as session:
        session.execute(text(statement))


def test_a_gift_is_on_one_valid_receipt_whoever_writes(campaign):
    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()
    receipt = receipt_world.receipt_of(gift)

    for turn in (0, 1):
        with pytest.raises(IntegrityError), Transaction() as session:
            columns = {each.key: getattr(receipt, each.key) for each in Receipt.__table__.columns}
            other = Receipt(**columns | {"id": gift.checkout_id, "number": 99})
            session.add(other)
            session.flush()
            line = {"amount_minor": 1, "paid_on": receipt.first_on, "means": "card"}
            session.add(ReceiptLine(receipt_id=other.id, donation_id=gift.id, turn=turn, **line))


def refunded(gift, amount_minor=None, kind="refund"):
    """Money went back, as the books say it."""
    from services.giving import gifts, ledger

    with Transaction() as session:
        locked = gifts.lock(session, gift.id)
        lines = ledger.withdrawal(
            f"{kind}s",
            amount_minor or gift.amount_minor,
            fund_id=locked.fund_id,
            campaign_id=locked.campaign_id,
        )
        ledger.post(
            session, kind, lines, entity_id=locked.entity_id, donation_id=gift.id,
            reference=f"re_{gift.id}_{amount_minor}", currency="EUR", at=world.NOW, posted_at=world.NOW,
        )  # fmt: skip
        return receipt_voids.money_changed(session, gift.id, at=world.NOW)


def test_a_refund_of_the_whole_voids_the_receipt_and_replaces_it_by_nothing(campaign):
    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()
    voided = receipt_world.receipt_of(gift)

    assert refunded(gift) is None

    assert receipt_world.case(gift).reasons == ["refunded"]
    with Transaction() as session:
        assert session.get_one(ReceiptVoid, voided.id).reason == "refund"
    [news] = receipt_world.said("receipt.voided")
    assert (news["number"], news.get("replaced_by")) == (voided.order_number, None)
    assert refunded(gift, 1) is None and len(receipt_world.said("receipt.voided")) == 1


def test_a_refund_of_a_part_voids_and_replaces(campaign):
    gift = receipt_world.settled(campaign, 10_000)
    receipt_world.issue_due()
    first = receipt_world.receipt_of(gift)

    second = refunded(gift, 2_500)

    assert (second.amount_minor, second.number, second.replaces_id) == (7_500, 2, first.id)
    assert receipt_world.receipt_of(gift).id == second.id
    [news] = receipt_world.said("receipt.voided")
    assert news["replaced_by"] == second.order_number


def test_money_that_changed_before_the_receipt_is_borne_by_it(campaign):
    gift = receipt_world.settled(campaign, 10_000)
    refunded(gift, 1_000)

    receipt_world.issue_due()

    assert receipt_world.receipt_of(gift).amount_minor == 9_000


def test_a_refund_made_through_the_use_case_is_followed(campaign):
    from services.giving import provider_events
    from services.giving.told_events import Told

    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()
    with Transaction() as session:
        told = Told(gift.event("refund.created"), account="fondation", at=world.NOW)
        provider_events.take(session, told, body="{}")

    assert receipt_world.case(gift).receipt_id is None


def test_a_receipt_is_voided_once(campaign):
    gift = receipt_world.settled(campaign)
    receipt_world.issue_due()
    receipt = receipt_world.receipt_of(gift)

    with Transaction() as session:
        again = receipt_voids.void(session, receipt, reason="error", note="Nom", by=None, at=world.NOW)
    assert again.replaces_id == receipt.id
    with pytest.raises(receipt_voids.ReceiptAlreadyVoided), Transaction() as session:
        receipt_voids.void(session, receipt, reason="error", note="Nom", by=None, at=world.NOW)


def test_gifts_of_before_there_were_receipts_are_caught_up(campaign):
    gift = receipt_world.settled(campaign)
    with database.transaction() as session:
        session.execute(text("delete from receipt_cases"))

    with Transaction() as session:
        assert receipt_cases.open_missed(session, at=world.NOW) == 1
    receipt_world.issue_due()

    assert receipt_world.receipt_of(gift) is not None


def test_an_erased_donor_is_given_no_receipt_any_more(campaign):
    gift = receipt_world.settled(campaign)
    with Transaction() as session:
        donor = session.get_one(Donation, gift.id).donor_id
        session.execute(text("update donors set erased_at = now() where id = :id"), {"id": donor})
        session.execute(update(Donation).values(receipt_to=None))

    receipt_world.issue_due()

    assert receipt_world.case(gift).reasons == ["address_missing", "erased"]
