"""What follows when giving tells of a gift."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from services.notify import gifts, parties, recipients, sendings
from services.notify.models import CrmChange, Email, Gift, TimelineEntry, Transaction
from shared.db import uuid7
from shared.messages import DonorAttached
from tests.support import facts
from tests.support.facts import NOW


def _all(model):
    with Transaction() as session:
        return list(session.execute(select(model)).scalars())


def _settle(settings, message, at=NOW):
    with Transaction() as session:
        gifts.settled(session, message, settings=settings, at=at)


def test_a_settled_gift_is_thanked_told_to_the_crm_and_kept_in_the_story(settings):
    message = facts.settled()

    _settle(settings, message)

    [email], [change], [entry], [gift] = _all(Email), _all(CrmChange), _all(TimelineEntry), _all(Gift)
    assert email.status == "queued" and email.to_address == "claire@example.org"
    assert email.subject == "Merci Claire, votre don de 120\u00a0€ est bien arrivé"
    assert email.correlation_id == change.correlation_id == entry.correlation_id == message.donation_id
    assert change.party_id == entry.party_id == message.party_id
    assert entry.text_fr == "A donné 120\u00a0€ pour «\u00a0Bourses 2026\u00a0»"
    assert gift.status == "settled"


def test_a_debit_is_announced_with_its_day_creditor_and_mandate_and_is_no_gift_yet(settings):
    with Transaction() as session:
        gifts.announced(session, facts.announced(), settings=settings, at=NOW)

    [email], [entry] = _all(Email), _all(TimelineEntry)
    assert email.subject == "Votre don de 120\u00a0€ sera prélevé à partir du 25 novembre 2026"
    for part in (email.html, email.text):
        assert "FR72ZZZ123456" in part and "8F3A91C2D4E5F607" in part and "2606" in part
        assert "Fondation de Valmont" in part and "huit semaines" in part
    assert entry.kind == "gift_debit"
    assert _all(Gift) == _all(CrmChange) == []


def test_who_receives_what_for_and_the_tax_receipt_stand_in_the_email(settings):
    _settle(settings, facts.settled())
    _settle(settings, facts.settled(receiptable=False))
    _settle(settings, facts.settled(facts.contact(locale="en")))

    with_receipt, without, english = _all(Email)
    for part in (with_receipt.html, with_receipt.text):
        assert "Fondation de Valmont" in part and "Bourses 2026" in part and "23 novembre 2026" in part
        assert "Un reçu fiscal vous sera adressé (émetteur\u202f: Fondation de Valmont)." in part
    assert "n’ouvre pas droit à réduction d’impôt" in without.text and "vous sera adressé" not in without.text
    assert english.subject == "Thank you Claire, your gift of €120 has arrived"


def test_who_is_kept_under_what_is_no_name_is_written_to_without_it(settings):
    _settle(settings, facts.settled(facts.contact(given_name="Refund: t.me/evil", family_name="t.co")))

    [email] = _all(Email)
    assert email.subject == "Merci, votre don de 120\u00a0€ est bien arrivé"
    assert "t.me" not in email.html and "t.me" not in email.text
    assert email.to_name == "Refund: t.me/evil t.co" and sendings.outgoing(email, settings).to_name == ""


def test_the_same_message_twice_makes_one_email_one_change_and_one_line(settings):
    message = facts.settled()

    for _ in range(3):
        _settle(settings, message)

    assert len(_all(Email)) == len(_all(CrmChange)) == len(_all(TimelineEntry)) == 1


def test_the_link_to_the_gift_is_not_in_the_stored_body(settings):
    _settle(settings, facts.settled())

    [email] = _all(Email)
    assert "/l/gift/" not in email.html + email.text + str(email.facts) + str(email.secrets)
    assert "•••" in email.html and "•••" in email.text


def test_a_fact_older_than_three_days_writes_story_and_crm_but_sends_nothing(settings):
    _settle(settings, facts.settled(at=NOW - timedelta(days=3, minutes=1)))
    _settle(settings, facts.settled(at=NOW - timedelta(days=2, hours=23)))

    assert sorted(email.status for email in _all(Email)) == ["queued", "stale"]
    assert len(_all(CrmChange)) == len(_all(TimelineEntry)) == 2


def test_after_a_restore_what_was_perhaps_sent_before_it_is_held_for_staff(settings):
    restored = replace(settings, emails_not_before=NOW.isoformat())
    _settle(restored, facts.settled(at=NOW - timedelta(seconds=1)))
    _settle(restored, facts.settled(at=NOW))

    held, queued = sorted(_all(Email), key=lambda email: email.status)
    assert (held.status, held.reason) == (
        "held",
        "perhaps sent before the database was restored from a backup",
    )
    assert queued.status == "queued"
    assert len(_all(CrmChange)) == len(_all(TimelineEntry)) == 2


def test_an_email_made_anew_from_the_same_message_has_the_same_message_id(settings, notify_database):
    message = facts.settled()
    _settle(settings, message)
    [before] = _all(Email)
    notify_database.empty()

    _settle(settings, message)
    _settle(settings, facts.settled())

    again, other = _all(Email)
    assert again.id != before.id and again.header_id == before.header_id != other.header_id


def test_a_refund_before_its_gift_ends_in_the_same_state(settings):
    gift = facts.settled()
    refund = facts.refunded(gift)

    with Transaction() as session:
        gifts.refunded(session, refund, settings=settings, at=NOW)
    _settle(settings, gift)

    [kept] = _all(Gift)
    assert (kept.status, kept.settled_at, kept.refunded_at) == (
        "refunded",
        gift.settled_at,
        refund.refunded_at,
    )
    with Transaction() as session:
        state = parties.state(session, gift.party_id)
    assert state["giving"] == [
        {
            "currency": "EUR",
            "given_minor": 0,
            "refunded_minor": 12_000,
            "disputed_minor": 0,
            "donations_count": 1,
            "latest_at": gift.settled_at.isoformat(),
            "first_at": gift.settled_at.isoformat(),
        }
    ]


def test_a_partial_refund_says_both_sums(settings):
    gift = facts.settled()

    with Transaction() as session:
        gifts.settled(session, gift, settings=settings, at=NOW)
        refund = facts.refunded(gift, refund_minor=5_000, refunded_minor=5_000, reason="duplicate")
        gifts.refunded(session, refund, settings=settings, at=NOW)

    notice = next(email for email in _all(Email) if email.template == "gift_refunded")
    assert notice.text.startswith("50\u00a0€ de votre don de 120\u00a0€ vous sont remboursés.")
    assert "don en double" in notice.text
    assert _all(Gift)[0].status == "partly_refunded"


def test_a_declined_gift_is_told_and_an_abandoned_one_is_not(settings):
    with Transaction() as session:
        gifts.failed(session, facts.failed(), settings=settings, at=NOW)
        gifts.failed(session, facts.failed(reason="expired"), settings=settings, at=NOW)

    [email] = _all(Email)
    assert email.subject == "Votre don de 120\u00a0€ n’a pas abouti"
    assert "https://amicale.test/campaigns/bourses-2026" in email.text
    assert [entry.kind for entry in _all(TimelineEntry)] == ["gift_failed", "gift_failed"]
    assert _all(CrmChange) == []


def test_an_attached_guest_becomes_the_person_for_crm_and_story(settings):
    person_id, gift = uuid7(), facts.settled()

    with Transaction() as session:
        recipients.keep(session, facts.card(person_id, 1), at=NOW)
        gifts.settled(session, gift, settings=settings, at=NOW)
        attached = facts.heard(DonorAttached(party_id=gift.party_id, person_id=person_id, attached_at=NOW))
        gifts.attached(session, attached, at=NOW)

    with Transaction() as session:
        assert parties.state(session, gift.party_id)["merged_into"] == str(person_id)
        state = parties.state(session, person_id)
        assert state["donations"][0]["donation_id"] == str(gift.donation_id)
        assert parties.ids(session, person_id) == parties.ids(session, gift.party_id)
    assert {change.party_id for change in _all(CrmChange)} == {gift.party_id, person_id}


def test_a_gift_after_the_attachment_is_the_persons_for_the_crm(settings):
    person_id, who = uuid7(), facts.contact()

    with Transaction() as session:
        attached = DonorAttached(party_id=who["party_id"], person_id=person_id, attached_at=NOW)
        gifts.attached(session, facts.heard(attached), at=NOW)
        gifts.settled(session, facts.settled(who), settings=settings, at=NOW)

    last = max(_all(CrmChange), key=lambda change: change.position)
    assert (last.party_id, last.cause) == (person_id, "donation.settled")


def test_the_email_of_a_part_says_what_remains(settings):
    gift = facts.settled()
    _settle(settings, gift)
    with Transaction() as session:
        part = facts.refunded(gift, refund_minor=5_000, refunded_minor=5_000)
        gifts.refunded(session, part, settings=settings, at=NOW)

    [email] = [each for each in _all(Email) if each.template == "gift_refunded"]
    assert "50\u00a0€ de votre don" in email.subject
    assert "Ce qui reste de votre don\u202f: 70\u00a0€" in email.text
    [kept] = _all(Gift)
    assert (kept.status, kept.refunded_minor) == ("partly_refunded", 5_000)


def test_a_refund_that_came_back_is_a_gift_again_whatever_is_heard_first(settings):
    for order in ((0, 1), (1, 0)):
        gift = facts.settled()
        _settle(settings, gift)
        refund = facts.refunded(gift)
        back = facts.refund_returned(refund, at=NOW, refunded_minor=0)
        for number in order:
            with Transaction() as session:
                if number:
                    gifts.refund_returned(session, back, at=NOW)
                else:
                    gifts.refunded(session, refund, settings=settings, at=NOW)
        with Transaction() as session:
            kept = session.get_one(Gift, gift.donation_id)
        assert (kept.status, kept.refunded_minor, kept.refunded_at) == ("settled", 0, None)


def test_a_dispute_is_told_to_the_crm_and_the_story_and_to_nobody_by_email(settings):
    gift = facts.settled()
    _settle(settings, gift)
    for status, given in (("opened", 0), ("won", 12_000), ("lost", 0)):
        with Transaction() as session:
            gifts.disputed(session, facts.disputed(gift, status), at=NOW)
        with Transaction() as session:
            state = parties.state(session, gift.party_id)
        assert state["giving"][0]["given_minor"] == given
        assert state["donations"][0]["status"] == ("settled" if given else "disputed")

    assert [each.template for each in _all(Email)] == ["gift_received"]
    assert [each.kind for each in _all(TimelineEntry)] == ["gift_settled"] + ["gift_disputed"] * 3
    assert len(_all(CrmChange)) == 4
