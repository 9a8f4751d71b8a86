"""What follows for who registers for an event: the email with its calendar file, CRM, story."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import select

from services.notify import parties, recipients, registrations, sendings
from services.notify.mailer import Mailer, encode
from services.notify.models import CrmChange, Email, Registration, TimelineEntry, Transaction
from services.notify.models.email import EmailCannotBeResent
from services.notify.settings import NotifySettings
from shared.db import uuid7
from shared.messages import Message, PersonCard, RegistrantAttached, seal
from tests.support import facts
from tests.support.facts import NOW
from tests.support.smtp import Scripted

HEARERS = {
    "registration.confirmed": registrations.confirmed,
    "registration.rescheduled": registrations.rescheduled,
    "registration.cancelled": registrations.cancelled,
}


def hear(settings: NotifySettings, *messages: Message) -> None:
    for message in messages:
        with Transaction() as session:
            HEARERS[message.type](session, message, settings=settings, at=NOW)


def every(model: Any) -> list[Any]:
    with Transaction() as session:
        found = list(session.execute(select(model).order_by(*model.__table__.primary_key)).scalars())
        session.expunge_all()
        return found


def opened(email: Email, settings: NotifySettings) -> tuple[Any, Any]:
    """The whole as it travels, read back, and the event in its calendar file."""
    whole = message_from_bytes(encode(sendings.outgoing(email, settings)), policy=policy.default)
    (file,) = whole.iter_attachments()
    (event,) = Calendar.from_ical(file.get_payload(decode=True)).walk("VEVENT")
    return whole, event


def test_a_confirmation_leaves_with_a_calendar_file_that_a_calendar_reads(
    settings: NotifySettings, smtp: Scripted, line: Mailer
) -> None:
    who = facts.registrant(attendees=[{"given_name": "Anaïs", "family_name": f"Lœuf {n}"} for n in range(10)])
    message = facts.registered(who, seats=10)
    hear(settings, message)

    [email] = every(Email)
    outcome = line.send(sendings.outgoing(email, settings))
    assert (email.template, email.status, outcome.kind) == ("registration_confirmed", "queued", "sent")
    assert email.useful_until == message.ends_at and email.has_calendar

    whole, event = opened(email, settings)
    (file,) = whole.iter_attachments()
    assert file.get_content_type() == "text/calendar" and file.get_filename() == "invitation.ics"
    assert file["Content-Type"].params["method"] == "PUBLISH"
    assert event.decoded("DTSTART") == message.starts_at and event["SUMMARY"] == "Dîner des anciens"
    assert str(event["UID"]) == f"{message.registration_id}@amicale.test" and event["SEQUENCE"] == 0
    for part in (whole.get_body(("plain",)), whole.get_body(("html",))):
        said = part.get_content()
        assert (
            "Anaïs Lœuf 9" in said and "samedi 12 juin 2027, de 19\u00a0h\u00a030 à 23\u00a0h\u00a000" in said
        )
        assert "https://amicale.test/l/registration/0199.mac" in said


def test_where_to_join_is_in_the_email_that_leaves_and_in_no_stored_one(settings: NotifySettings) -> None:
    where = "https://meet.example/secret-room"
    who = facts.registrant(online_url=seal(where, facts.MESSAGE_KEY), locale="en")
    hear(settings, facts.registered(who, place=""))

    [email] = every(Email)
    assert where not in email.html + email.text + str(email.facts) + str(email.calendar)
    whole, event = opened(email, settings)
    assert where in whole.get_body(("plain",)).get_content() and event["LOCATION"] == where
    assert "Online" in email.text and "•••" in email.text


def test_the_same_message_five_times_is_one_email_one_change_and_one_line(settings: NotifySettings) -> None:
    hear(settings, *[facts.registered()] * 5)

    assert len(every(Email)) == len(every(CrmChange)) == len(every(TimelineEntry)) == 1


def test_a_new_date_moves_what_their_calendar_holds(settings: NotifySettings) -> None:
    first = facts.registered()
    hear(settings, first, facts.moved(first))

    confirmation, change = every(Email)
    (_, before), (_, after) = opened(confirmation, settings), opened(change, settings)
    assert change.template == "registration_rescheduled" and "samedi 19 juin 2027" in change.text
    assert after["UID"] == before["UID"] and after["SEQUENCE"] > before["SEQUENCE"]
    assert after.decoded("DTSTART") == first.starts_at + timedelta(days=7)


@pytest.mark.parametrize("reason", ["withdrawn", "by_staff", "event_cancelled"])
@pytest.mark.parametrize("locale", ["fr", "en"])
def test_a_cancellation_says_why_and_leaves_their_calendar(
    settings: NotifySettings, reason: str, locale: str
) -> None:
    first = facts.registered(facts.registrant(locale=locale))
    note = {"fr": "La salle est inondée.", "en": "The room is flooded."}
    hear(settings, first, facts.given_back(first, reason=reason, note=note))

    _, email = every(Email)
    whole, event = opened(email, settings)
    (file,) = whole.iter_attachments()
    assert note[locale] in email.text and file["Content-Type"].params["method"] == "CANCEL"
    assert event["STATUS"] == "CANCELLED" and event["SEQUENCE"] == 1
    assert [each.status for each in every(Registration)] == ["cancelled"]


def test_in_any_order_the_end_is_the_same_and_nobody_is_confirmed_after_giving_back(
    settings: NotifySettings,
) -> None:
    for order in ([2, 1, 0], [2, 0, 1], [1, 2, 0], [0, 2, 1], [1, 0, 2]):
        first = facts.registered()
        said = [first, facts.moved(first), facts.given_back(first, revision=1)]
        hear(settings, *(said[each] for each in order), *(said[each] for each in order))

        with Transaction() as session:
            kept = session.get_one(Registration, first.registration_id)
            assert (kept.status, kept.revision, kept.cancel_reason) == ("cancelled", 1, "withdrawn")
            assert kept.confirmed_at is not None
            mine = select(Email.template).where(Email.correlation_id == first.registration_id)
            templates = list(session.execute(mine.order_by(Email.id)).scalars())
        assert templates.count("registration_cancelled") == 1 and len(set(templates)) == len(templates)
        after = templates[templates.index("registration_cancelled") :]
        assert after == ["registration_cancelled"]


def test_an_older_date_heard_late_is_not_told_any_more(settings: NotifySettings) -> None:
    first = facts.registered()
    newer = facts.moved(first, revision=2, starts_at=datetime(2027, 7, 1, 17, tzinfo=UTC))
    hear(settings, first, newer, facts.moved(first, revision=1))

    told = [email.template for email in every(Email)]
    assert told == ["registration_confirmed", "registration_rescheduled"]
    assert every(Registration)[0].starts_at == newer.starts_at


def leaving(settings: NotifySettings) -> list[str]:
    """The templates of all that leaves now, after a night without a mail server."""
    left: list[str] = []
    with Transaction() as session:
        while (email := sendings.claim(session, at=NOW + timedelta(hours=1))) is not None:
            left.append(email.template)
            email.left(code=250, at=NOW)
            session.flush()
    return left


def test_a_confirmation_that_waited_does_not_leave_once_the_seats_were_given_back(
    settings: NotifySettings,
) -> None:
    first = facts.registered()
    hear(settings, first, facts.given_back(first))

    assert leaving(settings) == ["registration_cancelled"]


def test_an_old_date_that_waited_does_not_leave_once_there_is_a_newer_one(settings: NotifySettings) -> None:
    first = facts.registered()
    hear(settings, first, facts.moved(first), facts.moved(first, revision=2))

    assert leaving(settings) == ["registration_rescheduled"]
    assert [each.status for each in every(Email)] == ["stale", "stale", "sent"]


def test_control_without_looking_again_all_of_them_leave(
    settings: NotifySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registrations, "overtaken", lambda session, email: None)
    first = facts.registered()
    hear(settings, first, facts.moved(first), facts.given_back(first, revision=1))

    assert len(leaving(settings)) == 3


def test_the_organisers_words_are_in_the_letters_language(settings: NotifySettings) -> None:
    """A person whose card is newer than the message is written to in the card's language."""
    person_id = uuid7()
    who = facts.registrant(party_id=person_id, person_id=person_id, typed=False, card_version=1)
    first = facts.registered(who)
    with Transaction() as session:
        recipients.keep(session, facts.card(person_id, 2, locale="en"), at=NOW)
    note = {"fr": "La salle est inondée.", "en": "The room is flooded."}
    hear(settings, first, facts.given_back(first, reason="event_cancelled", note=note))

    email = every(Email)[-1]
    assert email.locale == "en" and "The room is flooded." in email.text


def test_an_email_about_an_event_that_is_over_does_not_leave(settings: NotifySettings) -> None:
    over = facts.registered(starts_at=NOW - timedelta(hours=4), ends_at=NOW - timedelta(hours=1))
    hear(settings, over)

    with Transaction() as session:
        assert sendings.claim(session, at=NOW) is None
    assert [email.status for email in every(Email)] == ["stale"]


def test_a_confirmation_of_seats_given_back_is_not_sent_again(settings: NotifySettings) -> None:
    first = facts.registered()
    hear(settings, first, facts.given_back(first))

    with Transaction() as session:
        confirmation = session.execute(select(Email).order_by(Email.id)).scalars().first()
        with pytest.raises(EmailCannotBeResent, match="registration"):
            confirmation.refuse_copy(at=NOW)


def test_the_state_that_others_see_holds_the_seats(settings: NotifySettings) -> None:
    first, gone = facts.registered(), facts.registered()
    hear(settings, first, gone, facts.given_back(gone))

    with Transaction() as session:
        (kept,) = parties.state(session, first.party_id)["registrations"]
        (lost,) = parties.state(session, gone.party_id)["registrations"]
    assert (kept["status"], kept["seats"]) == ("confirmed", 1)
    assert (lost["status"], lost["cancelled_at"]) == ("cancelled", NOW.isoformat())


def test_a_guests_seats_become_the_persons_and_go_when_they_are_erased(settings: NotifySettings) -> None:
    first, person_id = facts.registered(), uuid7()
    hear(settings, first)
    tie = RegistrantAttached(party_id=first.party_id, person_id=person_id, attached_at=NOW)
    with Transaction() as session:
        recipients.keep(session, facts.card(person_id, 1), at=NOW)
        registrations.attached(session, facts.heard(tie), at=NOW)
        assert len(parties.state(session, person_id)["registrations"]) == 1

    with Transaction() as session:
        recipients.keep(session, facts.heard(PersonCard.tombstone(person_id, 2)), at=NOW)

    assert every(Registration) == []
    [email] = every(Email)
    assert (email.calendar, email.text, email.to_address) == (None, "", None)


def test_what_is_filled_in_stays_what_it_is(settings: NotifySettings) -> None:
    evil = "<b>x</b>\r\nATTENDEE:mailto:x@example.org"
    who = facts.registrant(attendees=[{"given_name": "<i>A</i>", "family_name": "& Co"}])
    hear(settings, facts.registered(who, event_title={"fr": evil, "en": evil}, place=evil))

    [email] = every(Email)
    _, event = opened(email, settings)
    assert "<b>x</b>" not in email.html and "&lt;i&gt;A&lt;/i&gt; &amp; Co" in email.html
    assert "\n" not in email.subject and "\r" not in email.subject and "ATTENDEE" not in event


def test_the_sealed_addresses_of_a_letter_go_when_its_event_is_over(settings: NotifySettings) -> None:
    message = facts.registered(facts.registrant(), seats=1)
    hear(settings, message)
    kept: list[bool] = []

    for at in (message.ends_at - timedelta(minutes=1), message.ends_at):
        with Transaction() as session:
            sendings.forget_secrets(session, at=at)
        kept += [each.secrets is not None for each in every(Email)]

    assert kept == [True, False]


def test_an_email_with_the_old_time_of_an_event_that_moved_is_not_sent_again(
    settings: NotifySettings,
) -> None:
    message = facts.registered(facts.registrant(), seats=1)
    hear(settings, message, facts.moved(message))

    with Transaction() as session:
        told = {each.template: each for each in session.execute(select(Email)).scalars()}
        with pytest.raises(EmailCannotBeResent, match="moved"):
            told["registration_confirmed"].refuse_copy(at=NOW)
        told["registration_rescheduled"].refuse_copy(at=NOW)
