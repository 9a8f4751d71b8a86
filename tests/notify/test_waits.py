"""Since when emails and deliveries wait, for those who run the system."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.notify import gifts, schedule, subscriptions, waits
from services.notify.mailer import Mailer
from services.notify.models import CHANGED, Transaction
from tests.support import facts
from tests.support.facts import NOW


def _settle(settings, at=NOW):
    with Transaction() as session:
        gifts.settled(session, facts.settled(at=at), settings=settings, at=at)


def _oldest():
    with Transaction() as session:
        return waits.oldest(session)


def test_nothing_waits_when_nothing_was_queued():
    assert _oldest() == {"emails": None, "deliveries": None}


def test_while_the_mail_server_is_down_the_oldest_email_waits_since_it_was_queued(settings):
    _settle(settings, at=NOW - timedelta(minutes=30))
    _settle(settings)

    schedule.send_next(Mailer("smtp://127.0.0.1:1"), clock=lambda: NOW)

    assert _oldest()["emails"] == NOW - timedelta(minutes=30)


@pytest.mark.parametrize("answer", ["452 4.3.1 Insufficient system storage", "530 5.7.0 sign in", "550 no"])
def test_behind_a_mail_server_that_answers_and_takes_nothing_emails_wait(smtp, settings, answer):
    smtp.sender = answer
    _settle(settings)

    schedule.send_next(Mailer(smtp.url), clock=lambda: NOW)

    assert _oldest()["emails"] == NOW


@pytest.mark.parametrize("status, trouble", [("queued", "mailbox"), ("failed", None), ("unsure", None)])
def test_what_one_mailbox_or_staff_hold_up_is_not_the_mail_servers_trouble(settings, status, trouble):
    _settle(settings)
    with Transaction() as session:
        became = {"s": status, "t": trouble, "at": NOW if status == "failed" else None}
        session.execute(text("update emails set status = :s, trouble = :t, given_up_at = :at"), became)

    assert _oldest()["emails"] is None


def test_deliveries_wait_for_a_partner_that_is_active(settings):
    with Transaction() as session:
        subscriptions.subscribe(
            session,
            url="https://crm.example/hook",
            types=[CHANGED],
            at=NOW - timedelta(days=1),
            settings=settings,
        )
    _settle(settings)
    assert _oldest()["deliveries"] == NOW

    with Transaction() as session:
        session.execute(text("update subscriptions set active = false"))
    assert _oldest()["deliveries"] is None
