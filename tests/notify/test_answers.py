"""What a mail server's answers mean, against one that answers by a script."""

from datetime import timedelta

import pytest
import structlog.testing
from sqlalchemy import select

from services.notify import schedule
from services.notify.answers import DATA, MAIL, RCPT, judge
from services.notify.mailer import Mailer
from services.notify.models import Email, Transaction
from tests.notify.conftest import queued_for
from tests.support.facts import NOW


def _emails():
    with Transaction() as session:
        return session.execute(select(Email).order_by(Email.id)).scalars().all()


@pytest.mark.parametrize(
    "answer",
    [
        "452 4.3.1 Insufficient system storage",
        "530 5.7.0 Authentication required",
        "550 5.7.1 we do not know you",
        "553 5.1.8 unknown sender",
        "554 no",
    ],
)
def test_an_answer_to_mail_from_puts_off_every_email_as_a_server_that_is_away(smtp, line, settings, answer):
    smtp.sender = answer
    queued_for(settings, "claire@example.org", "paul@example.org")

    assert schedule.send_next(line, clock=lambda: NOW) == 1 and line.rests()
    assert schedule.send_next(line, clock=lambda: NOW) == 0
    first, second = _emails()
    assert (first.status, first.trouble, first.answer_code) == ("queued", "refusing", int(answer[:3]))
    assert first.next_attempt_at == NOW + timedelta(seconds=2)
    assert (second.status, second.attempts) == ("queued", 0)

    smtp.sender, line._rests_until = "", 0
    while schedule.send_next(line, clock=lambda: NOW + timedelta(minutes=1)):
        pass
    assert [email.status for email in _emails()] == ["sent", "sent"]


@pytest.mark.parametrize(
    ("step", "answer", "kind", "trouble"),
    [
        (MAIL, "550 5.1.1 no", "later", "refusing"),
        (RCPT, "452 4.3.1 storage", "later", "server"),
        (RCPT, "550 5.3.2 the system takes nothing", "later", "server"),
        (RCPT, "554 5.7.1 Relay access denied", "later", "server"),
        (RCPT, "530 sign in first", "later", "server"),
        (RCPT, "550 5.1.8 sender unknown", "later", "server"),
        (RCPT, "450 4.7.1 grey listed", "later", "mailbox"),
        (RCPT, "452 4.2.2 mailbox full", "later", "mailbox"),
        (RCPT, "452 no room", "later", "mailbox"),
        (RCPT, "451 later", "later", "mailbox"),
        (RCPT, "550 5.1.1 no such user", "never", "recipient"),
        (RCPT, "550 no", "never", "recipient"),
        (RCPT, "552 5.3.4 too big", "never", "recipient"),
        (DATA, "452 out of storage", "later", "server"),
        (DATA, "554 5.3.0 broken", "later", "server"),
        (DATA, "451 4.7.1 later", "later", "mailbox"),
        (DATA, "554 5.7.1 looks like spam", "never", "letter"),
        (DATA, "554 5.6.0 no such charset", "never", "letter"),
        (DATA, "552 5.3.4 too big", "never", "letter"),
        (DATA, "552 too much mail data", "never", "letter"),
    ],
)
def test_whom_an_answer_is_about_follows_from_its_step_and_code(step, answer, kind, trouble):
    outcome = judge(step, int(answer[:3]), answer[4:].encode())

    assert (outcome.kind, outcome.trouble) == (kind, trouble)


def test_no_word_of_the_server_passes_for_a_code():
    assert judge(RCPT, 550, b"5.claire@example.org.x unknown").reason == "550"


def test_the_log_says_in_a_word_why_an_email_goes_later(smtp, line, settings):
    queued_for(settings, "claire@example.org")
    smtp.rcpt["claire@example.org"] = ["450 4.2.0 <claire@example.org> grey listed"]

    with structlog.testing.capture_logs() as told:
        schedule.send_next(Mailer("smtp://127.0.0.1:1"), clock=lambda: NOW)
        schedule.send_next(line, clock=lambda: NOW + timedelta(seconds=2))

    attempts = [each for each in told if each["event"] == "email attempted"]
    assert [(each["outcome"], each["trouble"], each["reason"]) for each in attempts] == [
        ("later", "unreached", "no connection: ConnectionRefusedError"),
        ("later", "mailbox", "450 4.2.0"),
    ]
    assert "claire" not in str(told) and "grey" not in str(told)
