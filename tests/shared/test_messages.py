"""A message is checked when it is said and when it is heard; its personal part stands apart."""

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import uuid4

import pytest
from marshmallow import fields

from shared import asyncapi
from shared.messages import (
    DonationSettled,
    MessageMalformed,
    PersonCard,
    SecretUnreadable,
    SignInLinkIssued,
    by_type,
    email_mark,
    parse,
    reveal,
    seal,
)
from shared.messages.writing import WRITERS

NOW = datetime(2026, 11, 23, 10, 42, tzinfo=UTC)
KEY = "a key of at least thirty-two characters"


def settled() -> DonationSettled:
    row = SimpleNamespace(
        id=uuid4(), party_id=uuid4(), person_id=None, campaign_id=uuid4(), amount_minor=12_000, currency="EUR"
    )
    return DonationSettled.of(
        row,
        campaign_slug="bourses",
        campaign_title={"fr": "Bourses", "en": "Grants"},
        entity_name="Fondation de Valmont",
        receiptable=True,
        settled_at=NOW,
        contact={
            "party_id": row.party_id,
            "email": "claire@example.org",
            "given_name": "Claire",
            "typed": True,
        },
    )


def test_the_key_field_is_the_id_of_the_row() -> None:
    message = settled()

    assert message.key_text == str(message.donation_id)


def test_the_personal_part_stands_apart() -> None:
    public, personal = settled().dump()

    assert "claire@example.org" not in str(public)
    assert personal is not None
    assert personal["email"] == "claire@example.org"


@pytest.mark.parametrize("kind", sorted(by_type))
def test_every_time_is_told_in_utc_wherever_it_was_read(kind: str) -> None:
    document = asyncapi.document()["components"]["messages"][kind]
    [example] = document["examples"]
    message = parse(kind, example["payload"])
    elsewhere = timezone(timedelta(hours=2))
    moments = [name for name, each in message.schema.fields.items() if isinstance(each, fields.AwareDateTime)]
    for name in moments:
        setattr(message, name, getattr(message, name).astimezone(elsewhere))

    public, _ = message.dump()

    assert all(public[name].endswith("+00:00") for name in moments)


def test_what_was_said_is_what_is_heard() -> None:
    said = settled()
    public, personal = said.dump()

    heard = parse("donation.settled", public | {"contact": personal, "a_field_of_tomorrow": 1})

    assert isinstance(heard, DonationSettled)
    assert heard.donation_id == said.donation_id
    assert heard.settled_at == NOW
    assert heard.contact["typed"] is True


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("donation.unheard_of", {}),
        ("donation.settled", []),
        ("donation.settled", None),
        ("donation.settled", {"donation_id": "not an id"}),
        ("donation.settled", settled().dump()[0] | {"amount_minor": 12.5}),
        ("donation.settled", settled().dump()[0] | {"settled_at": "2026-11-23T10:42:00"}),
    ],
)
def test_what_does_not_parse_is_malformed(type_name: str, value: object) -> None:
    with pytest.raises(MessageMalformed):
        parse(type_name, value)


def test_a_malformed_message_names_its_fields_and_no_values() -> None:
    value = settled().dump()[0] | {"amount_minor": "claire@example.org"}

    with pytest.raises(MessageMalformed) as refusal:
        parse("donation.settled", value)

    assert "amount_minor" in str(refusal.value)
    assert "claire" not in str(refusal.value)


def test_an_incomplete_message_cannot_be_said() -> None:
    with pytest.raises(MessageMalformed, match="settled_at"):
        DonationSettled(donation_id=uuid4()).dump()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("donation_id", "not an id"),
        ("amount_minor", "12000"),
        ("amount_minor", 120.0),
        ("amount_minor", True),
        ("receiptable", 1),
        ("currency", 978),
        ("settled_at", NOW.replace(tzinfo=None)),
        ("settled_at", NOW.isoformat()),
        ("campaign_title", "Bourses"),
        ("campaign_title", {"fr": "Bourses"}),
        ("campaign_title", {"fr": "Bourses", "en": None}),
        ("contact", {"party_id": uuid4(), "email": "claire@example.org", "locale": "de"}),
    ],
)
def test_a_value_that_its_field_does_not_take_cannot_be_said(name: str, value: object) -> None:
    message = settled()
    setattr(message, name, value)

    with pytest.raises(MessageMalformed, match=rf"^donation.settled: {name}$"):
        message.dump()


def test_a_list_is_checked_entry_by_entry() -> None:
    degrees = [{"programme": "Droit", "class_year": 2011}, {"programme": "Droit", "class_year": "2011"}]

    with pytest.raises(MessageMalformed, match="degrees"):
        PersonCard(person_id=uuid4(), version=1, degrees=degrees).dump()


def test_a_block_keeps_what_it_leaves_open() -> None:
    message = settled()
    message.contact = message.contact | {"person_id": None, "not_declared": 1}

    public, personal = message.dump()

    assert "person_id" not in public
    assert personal is not None
    assert personal["person_id"] is None
    assert "not_declared" not in personal


def test_every_kind_of_field_that_a_message_declares_can_be_said() -> None:
    for message in by_type.values():
        for field in message.schema.fields.values():
            assert any(kind in WRITERS for kind in type(field).__mro__), (message, field)


def test_a_field_that_is_not_declared_is_refused() -> None:
    with pytest.raises(TypeError, match="amount"):
        DonationSettled(amount=5)


def test_a_secret_travels_sealed_or_not_at_all() -> None:
    contact = {"party_id": uuid4(), "email": "a@example.org"}
    link = SignInLinkIssued(link_id=uuid4(), expires_at=NOW, contact=contact | {"link": "https://plain"})

    with pytest.raises(MessageMalformed, match="contact"):
        link.dump()

    sealed = seal("https://plain", KEY)
    link.contact = contact | {"link": sealed}
    assert "plain" not in str(link.dump())
    assert reveal(sealed, KEY) == "https://plain"


def test_a_secret_opens_with_its_own_key_only() -> None:
    with pytest.raises(SecretUnreadable):
        reveal(seal("x", KEY), KEY + "!")
    with pytest.raises(ValueError, match="32"):
        seal("x", "short")


def test_the_class_is_that_of_the_first_degree() -> None:
    degrees = [{"programme": "Droit", "class_year": 2011}, {"programme": "Gestion", "class_year": 2009}]

    assert PersonCard(person_id=uuid4(), version=1, degrees=degrees).class_year == 2009
    assert PersonCard(person_id=uuid4(), version=1).class_year is None


def test_a_verified_address_is_the_same_however_it_was_typed() -> None:
    assert email_mark(" Claire@Example.org", KEY) == email_mark("claire@example.org", KEY)
    assert email_mark("claire@example.org", KEY) != email_mark("claire@example.org", KEY + "!")


def test_every_message_says_its_topic_and_a_key_it_declares() -> None:
    for message in by_type.values():
        assert message.topic.startswith("amicale.")
        assert message.key in message.schema.fields, message
        assert (message.__doc__ or "").strip(), message
