"""The database's own guards, and that it is what the models say."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from services.notify.models import Base, Email, Gift, Recipient, Transaction
from shared.db import Database, uuid7
from tests.support.facts import NOW


def test_the_migrations_make_what_the_models_say(notify_database):
    owner = Database("notify-owner")
    with owner.connect(notify_database.owner_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)
    owner.dispose()

    assert [each for each in differences if "_y20" not in str(each)] == []


def _email(**values):
    told = {
        "message_id": uuid7(),
        "template": "gift_received",
        "party_id": uuid7(),
        "locale": "fr",
        "to_address": "claire@example.org",
        "typed": True,
        "subject": "s",
        "html": "h",
        "text": "t",
        "header_id": f"<{uuid7()}@valmont.test>",
        "status": "queued",
        "occurred_at": NOW,
        "created_at": NOW,
        "next_attempt_at": NOW,
    }
    return Email(**told | values)


def _gift(**values):
    told = {
        "donation_id": uuid7(),
        "party_id": uuid7(),
        "campaign_id": uuid7(),
        "campaign_title_fr": "",
        "campaign_title_en": "",
        "entity_name": "",
        "amount_minor": 100,
        "currency": "EUR",
    }
    return Gift(**told | values)


@pytest.mark.parametrize(
    "row",
    [
        lambda: _email(status="sent"),
        lambda: _email(status="lost"),
        lambda: _email(to_address=None),
        lambda: _email(copy=1),
        lambda: _gift(amount_minor=0),
        lambda: _gift(refunded_minor=101),
        lambda: Recipient(person_id=uuid7(), version=2, erased_at=NOW, given_name="Claire", family_name=""),
        lambda: Recipient(person_id=uuid7(), version=-1),
    ],
)
def test_the_database_refuses_what_cannot_be(row):
    with pytest.raises(IntegrityError), Transaction() as session:
        session.add(row())


def test_a_message_has_one_email_of_a_letter_to_a_party():
    first = _email()
    again = {name: getattr(first, name) for name in ("message_id", "template", "party_id")}

    with pytest.raises(IntegrityError), Transaction() as session:
        session.add_all([first, _email(**again)])
