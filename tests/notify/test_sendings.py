"""Emails on their way out, against a mail server that answers by a script."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from services.notify import accounts, answers, gifts, mailer, recipients, schedule, sendings
from services.notify.mailer import Mailer
from services.notify.models import Email, TimelineEntry, Transaction
from shared.db import uuid7
from shared.messages import SignInLinkIssued, seal
from shared.settings import SettingsMissing
from tests.notify.conftest import queued_for, told
from tests.support import facts
from tests.support.facts import NOW
from tests.support.smtp import CUT, Scripted


def _drain(line, at=NOW):
    count = 0
    while schedule.send_next(line, clock=lambda: at):
        count += 1
    return count


def _emails():
    with Transaction() as session:
        return {email.to_address: email for email in session.execute(select(Email)).scalars()}


def test_an_email_leaves_with_both_parts_a_stable_id_and_the_link(smtp, line, settings):
    queued_for(settings, "claire@example.org")

    _drain(line)

    [received], [kept] = smtp.taken, _emails().values()
    assert received["Subject"] == kept.subject and received["Message-ID"] == kept.header_id
    assert received["Message-ID"].endswith("@valmont.test>")
    assert received["To"] == "Claire Dupont <claire@example.org>"
    assert received["Auto-Submitted"] == "auto-generated"
    text, html = (part.get_content() for part in received.iter_parts())
    assert "https://amicale.test/l/gift/0199.mac" in text
    assert 'href="https://amicale.test/l/gift/0199.mac"' in html
    assert (kept.status, kept.answer_code, kept.sent_at) == ("sent", 250, NOW)
    assert "0199.mac" not in kept.html + kept.text


def test_a_sent_email_is_a_line_in_the_story(smtp, line, settings):
    queued_for(settings, "claire@example.org")

    _drain(line)

    with Transaction() as session:
        sent = session.execute(select(TimelineEntry).where(TimelineEntry.kind == "email_sent")).scalar_one()
    assert "votre don de 120" in sent.text_fr and sent.source == "notify"


@pytest.mark.parametrize(
    ("code", "wait"),
    [
        ("421 4.3.2 going down", timedelta(seconds=2)),
        ("432 4.7.12 not now", timedelta(minutes=1)),
        ("450 4.2.0 grey listed", timedelta(minutes=1)),
        ("451 4.3.0 try again", timedelta(seconds=2)),
        ("451 try again", timedelta(minutes=1)),
        ("452 4.2.2 quota", timedelta(minutes=1)),
        (CUT, timedelta(seconds=2)),
    ],
)
def test_trouble_of_the_moment_is_tried_again_after_the_pause_of_its_class(smtp, line, settings, code, wait):
    smtp.rcpt["claire@example.org"] = [code]
    queued_for(settings, "claire@example.org", "paul@example.org")

    _drain(line)

    waiting = _emails()["claire@example.org"]
    assert (waiting.status, waiting.next_attempt_at) == ("queued", NOW + wait)
    assert _drain(line, NOW + wait - timedelta(seconds=1)) == 0
    assert _drain(line, NOW + wait) == 1
    assert sorted(received["X-Rcpt"] for received in smtp.taken) == ["claire@example.org", "paul@example.org"]


@pytest.mark.parametrize("code", ["550 5.1.1 no such user", "552 5.2.2 full for good", "554 no"])
def test_a_refusal_for_good_is_tried_once(smtp, line, settings, code):
    smtp.rcpt["gone@example.org"] = [code]
    smtp.data["large@example.org"] = [code]
    queued_for(settings, "gone@example.org", "large@example.org")

    _drain(line)
    _drain(line, NOW + timedelta(hours=23))

    assert smtp.tried == ["gone@example.org", "large@example.org"]
    assert {email.status for email in _emails().values()} == {"failed"}
    assert _emails()["gone@example.org"].answer_code == int(code[:3])


def test_nothing_of_the_servers_words_is_kept_but_the_codes(smtp, line, settings):
    smtp.rcpt["claire@example.org"] = ["550 5.1.1 <claire@example.org> unknown"]
    queued_for(settings, "claire@example.org")

    _drain(line)

    assert _emails()["claire@example.org"].reason == "550 5.1.1"


def test_a_line_cut_in_the_middle_of_the_body_loses_nothing(smtp, line, settings):
    smtp.data["claire@example.org"] = [CUT, CUT]
    queued_for(settings, "claire@example.org")

    for minutes in range(3):
        _drain(line, NOW + timedelta(minutes=minutes))

    assert [received["X-Rcpt"] for received in smtp.taken] == ["claire@example.org"]


def test_a_tar_pit_does_not_hold_a_sender_for_ever(smtp, line, settings, monkeypatch):
    monkeypatch.setattr(mailer, "CONVERSATION_S", 0.5)
    smtp.drip_s = 0.05
    queued_for(settings, "claire@example.org")

    began = time.monotonic()
    schedule.send_next(line, clock=lambda: NOW)

    assert time.monotonic() - began < 20
    assert _emails()["claire@example.org"].status == "queued"


def test_after_a_day_of_trouble_an_email_is_given_up(smtp, line, settings):
    smtp.rcpt["claire@example.org"] = ["451 later"] * 100
    queued_for(settings, "claire@example.org")

    at = NOW
    while (email := _emails()["claire@example.org"]).status == "queued":
        at = email.next_attempt_at
        _drain(line, at)

    assert timedelta(hours=20) < at - NOW < timedelta(hours=24)
    assert email.status == "failed" and 10 < len(smtp.tried) < 25
    assert email.given_up_at == at


def test_a_server_that_is_away_delays_and_then_gets_everything(smtp, line, settings):
    port = smtp.port
    smtp.stop()
    queued_for(settings, "claire@example.org", "paul@example.org")

    assert _drain(line) == 1 and line.rests()
    assert schedule.send_next(line, clock=lambda: NOW) == 0
    smtp.start(port)
    line._rests_until = 0
    _drain(line, NOW + timedelta(seconds=2))

    assert len(smtp.taken) == 2


def test_nothing_goes_in_plain_text_to_a_server_elsewhere(settings):
    with Scripted(host="127.0.0.2") as elsewhere:
        queued_for(settings, "claire@example.org")

        _drain(Mailer(elsewhere.url))
        reason = _emails()["claire@example.org"].reason
        _drain(Mailer(f"{elsewhere.url}?tls=none"), NOW + timedelta(minutes=1))

    assert reason == "no connection: SMTPNotSupportedError"
    assert len(elsewhere.taken) == 1


def test_a_server_that_refuses_to_greet_is_asked_again_later(smtp, line, settings):
    smtp.greeting = ["554 no service"]
    queued_for(settings, "claire@example.org")

    _drain(line)

    assert _emails()["claire@example.org"].status == "queued"
    assert _emails()["claire@example.org"].reason == "the server refuses us: 554"


def test_a_crash_between_the_servers_250_and_our_commit_repeats_the_same_message_id(smtp, line, settings):
    queued_for(settings, "claire@example.org")

    with Transaction() as session:
        email = sendings.claim(session, at=NOW)
    assert sendings.attempt(email, line, settings).kind == "sent"
    # here the process dies: nothing is written down, and the claim lapses
    assert _drain(line, NOW + timedelta(seconds=89)) == 0
    assert _drain(line, NOW + timedelta(seconds=91)) == 1

    first, second = smtp.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert _emails()["claire@example.org"].status == "sent"


def test_a_process_that_wakes_after_another_took_over_writes_nothing(smtp, line, settings):
    queued_for(settings, "claire@example.org")
    with Transaction() as session:
        slow = sendings.claim(session, at=NOW)
    _drain(line, NOW + timedelta(minutes=5))

    with Transaction() as session:
        late = sendings.conclude(
            session, slow.id, attempt=slow.attempts, outcome=answers.judge(answers.RCPT, 550, b"no"), at=NOW
        )

    assert late is None and _emails()["claire@example.org"].status == "sent"


def _late_word(settings, by_attempt):
    """A claim lapses, another process tries again; then the first says it failed. The email after that."""
    queued_for(settings, "claire@example.org")
    with Transaction() as session:
        slow = sendings.claim(session, at=NOW)
    with Transaction() as session:
        second = sendings.claim(session, at=NOW + timedelta(seconds=91))
    assert (second.id, second.attempts) == (slow.id, slow.attempts + 1)

    with Transaction() as session:
        attempt, no = by_attempt(slow, second), answers.judge(answers.RCPT, 550, b"no")
        sendings.conclude(session, slow.id, attempt=attempt, outcome=no, at=NOW + timedelta(seconds=92))
    return _emails()["claire@example.org"]


def test_a_first_attempt_that_ends_while_the_second_is_under_way_decides_nothing(settings):
    email = _late_word(settings, lambda slow, second: slow.attempts)

    assert (email.status, email.answer_code) == ("sending", None)


def test_control_under_the_number_of_the_second_its_word_would_count(settings):
    email = _late_word(settings, lambda slow, second: second.attempts)

    assert (email.status, email.answer_code) == ("failed", 550)


def _link(settings, **values):
    return facts.heard(
        SignInLinkIssued(
            link_id=uuid7(),
            expires_at=NOW + timedelta(minutes=15),
            contact=facts.contact(**values)
            | {"link": seal("https://amicale.test/sign-in/s3cret", settings.message_key)},
        )
    )


def test_a_sign_in_link_is_in_the_email_and_nowhere_in_the_database(smtp, line, settings):
    with Transaction() as session:
        accounts.link_issued(session, _link(settings), settings=settings, at=NOW)
    _drain(line)
    with Transaction() as session:
        sendings.forget_secrets(session, at=NOW + timedelta(minutes=16))
    with Transaction() as session:
        rows = session.connection().exec_driver_sql("select emails::text from emails").scalars().all()

    assert "https://amicale.test/sign-in/s3cret" in smtp.taken[0].get_body(("plain",)).get_content()
    assert all("s3cret" not in row and "eyJ" not in row for row in rows)
    assert all("•••" in row for row in rows)


def test_a_sign_in_link_goes_before_receipts_and_not_after_its_time(smtp, line, settings):
    queued_for(settings, "paul@example.org")
    with Transaction() as session:
        accounts.link_issued(session, _link(settings), settings=settings, at=NOW)
        accounts.link_issued(session, _link(settings, email="late@example.org"), settings=settings, at=NOW)
        late = update(Email).where(Email.to_address == "late@example.org")
        session.execute(late.values(useful_until=NOW))

    _drain(line)

    assert [received["X-Rcpt"] for received in smtp.taken] == ["claire@example.org", "paul@example.org"]
    assert _emails()["late@example.org"].status == "stale"


def test_a_secret_sealed_under_another_key_stops_one_email_and_no_other(smtp, line, settings):
    other = told(settings.database_url, message_key="o" * 32)
    with Transaction() as session:
        accounts.link_issued(session, _link(other), settings=settings, at=NOW)
    queued_for(settings, "paul@example.org")

    _drain(line)

    assert _emails()["claire@example.org"].reason == "cannot be written: SecretUnreadable"
    assert [received["X-Rcpt"] for received in smtp.taken] == ["paul@example.org"]


@pytest.mark.parametrize("news", [{"status": "died"}, None])
def test_who_died_or_was_erased_after_queueing_is_not_written_to(smtp, line, settings, news):
    person_id = uuid7()
    who = facts.contact(party_id=person_id, person_id=person_id, typed=False, card_version=1)
    with Transaction() as session:
        recipients.keep(session, facts.card(person_id, 1), at=NOW)
        gifts.settled(session, facts.settled(who), settings=settings, at=NOW)
        later = (
            facts.card(person_id, 2, **news)
            if news
            else facts.heard(type(facts.card(person_id, 2)).tombstone(person_id, 2))
        )
        recipients.keep(session, later, at=NOW)

    _drain(line)

    assert smtp.taken == []
    assert [email.status for email in _emails().values()] == ["suppressed"]


def test_line_breaks_in_names_and_subjects_reach_no_header(smtp, line, settings):
    evil = "Claire\r\nBcc: victim@example.org\u2028X: y"
    with Transaction() as session:
        who = facts.contact(given_name=evil, family_name="D\nTo: x@example.org")
        gifts.settled(session, facts.settled(who), settings=settings, at=NOW)

    _drain(line)

    [received] = smtp.taken
    assert received["Bcc"] is None and received["X"] is None
    assert len(received.get_all("To")) == 1 and smtp.tried == ["claire@example.org"]
    assert "\n" not in received["Subject"] and "\r" not in received["Subject"]


@pytest.mark.parametrize(
    "address", ["a@b\r\nRCPT TO:<v@example.org>", "a b@example.org", "nobody", "", "<a@example.org>", "a@b@c"]
)
def test_an_address_that_is_none_waits_on_the_desk(smtp, line, settings, address):
    queued_for(settings, address)

    assert _drain(line) == 0

    [email] = _emails().values()
    assert (email.status, email.to_address) == ("unsure", None)


def test_a_domain_in_letters_of_its_own_is_written_in_ascii(smtp, line, settings):
    queued_for(settings, "claire@école.example")

    _drain(line)

    assert smtp.tried == ["claire@xn--cole-9oa.example"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"email_from": "Université de Valmont"},
        {"email_from": "a@b.example\r\nBcc: x@example.org"},
        {"email_from": ""},
        {"smtp_url": "http://mail.example"},
        {"smtp_url": "smtp://"},
        {"message_key": "short"},
    ],
)
def test_a_process_told_wrong_does_not_start(settings, wrong):
    with pytest.raises(SettingsMissing):
        told(settings.database_url, **wrong)


def test_an_address_that_the_server_cannot_take_is_refused_for_good(smtp, line, settings):
    queued_for(settings, "hélène@example.org")

    _drain(line)

    assert _emails()["hélène@example.org"].status == "failed"
