"""People: found, read, written down and changed."""

import uuid
from contextlib import contextmanager
from datetime import datetime

from marshmallow import Schema, fields, validate
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.directory import cards, readings, searches, trail
from services.directory.models import LOCALES, Degree, Email, Person, Transaction, allowed
from shared.auth import caller
from shared.bodies import FieldsRefused
from shared.clock import now
from shared.db import uuid7
from shared.errors import Conflict
from shared.http import Blueprint, IdempotencyKey
from shared.names import NAME_RULE, Name, PersonName, is_name
from shared.once import once, or_the_same
from shared.pages import PageQuery, QueryInteger, page, paged

routes = Blueprint("people", __name__, url_prefix="/api/v1/directory/people")


class DegreeShown(Schema):
    programme = Name(required=True, most=200)
    class_year = fields.Integer(required=True, strict=True, validate=validate.Range(1900, 2100))


class PersonFound(Schema):
    """What a list shows: nothing private."""

    id = fields.UUID()
    given_name = fields.String(attribute="first_name")
    family_name = fields.String()
    birth_name = fields.String(allow_none=True)
    class_years = fields.List(fields.Integer())
    city = fields.String(allow_none=True)
    has_email = fields.Function(lambda person: person.email is not None, metadata={"type": "boolean"})


class EmailShown(Schema):
    id = fields.UUID()
    address = fields.String()
    source = fields.String()
    verified_at = fields.AwareDateTime(allow_none=True)
    lost_at = fields.AwareDateTime(allow_none=True)


class PersonShown(PersonFound):
    """A person as staff see them."""

    civil_given_name = fields.String(attribute="given_name")
    preferred_name = fields.String(allow_none=True)
    school_id = fields.String(allow_none=True)
    born_on = fields.Date(allow_none=True)
    locale = fields.String()
    class_year = fields.Integer(allow_none=True)
    degrees = fields.List(fields.Nested(DegreeShown))
    emails = fields.List(fields.Nested(EmailShown))
    email = fields.String(allow_none=True, metadata={"description": "where they are written to"})
    permissions = fields.Function(
        lambda person: allowed(person.consents, informed=person.informed_at is not None),
        metadata={"type": "object", "additionalProperties": {"type": "boolean"}},
    )
    informed_at = fields.AwareDateTime(allow_none=True)
    version = fields.Integer()
    created_at = fields.AwareDateTime()
    changed_at = fields.AwareDateTime()


class PersonWritten(Schema):
    """What who writes a record is answered: its names and version. To read the rest is another right."""

    id = fields.UUID()
    given_name = fields.String(attribute="first_name")
    family_name = fields.String()
    birth_name = fields.String(allow_none=True)
    civil_given_name = fields.String(attribute="given_name")
    preferred_name = fields.String(allow_none=True)
    version = fields.Integer()


class PeopleQuery(PageQuery):
    q = fields.String(load_default="", validate=validate.Length(max=100))
    class_year = QueryInteger(load_default=None, validate=validate.Range(1900, 2100))


class OwnChange(Schema):
    """What a person changes themselves."""

    preferred_name = Name(allow_none=True)
    city = Name(allow_none=True)
    locale = fields.String(validate=validate.OneOf(LOCALES))


class PersonChange(OwnChange):
    """Names that differ from those on record are held to the rule of names; what stands may be repeated."""

    given_name = Name(metadata={"description": "the first name to call them by"})
    civil_given_name = Name(metadata={"description": "the one of their papers, for tax receipts"})
    family_name = Name()
    birth_name = Name(allow_none=True)
    born_on = fields.Date(allow_none=True)
    school_id = Name(allow_none=True, most=64)
    degrees = fields.List(fields.Nested(DegreeShown), validate=validate.Length(max=20))
    reason = Name(most=200)


class PersonWish(PersonChange):
    class Meta:
        exclude = ("civil_given_name",)

    given_name = PersonName(required=True)
    family_name = PersonName(required=True)
    preferred_name = PersonName(allow_none=True)
    birth_name = PersonName(allow_none=True)
    emails = fields.List(fields.Email(validate=validate.Length(max=254)), validate=validate.Length(max=10))


class SchoolIdTaken(Conflict):
    """Another person has this school id."""


@routes.get("", allow="people.read")
@routes.arguments(PeopleQuery, location="query")
@routes.response(200, paged(PersonFound))
def index(query):
    """People by name, email address or class, in the order of their names."""
    with Transaction() as session:
        return page(
            session,
            searches.found(query["q"], class_year=query["class_year"]),
            after=query["after"],
            limit=query["limit"],
            keys=(Person.family_first, Person.id),
        )


@routes.get("/me", allow="signed_in")
@routes.response(200, PersonShown)
def show_me():
    """What the school holds of the person who is signed in."""
    with Transaction() as session:
        return readings.read(session, caller().person_id)


@routes.patch("/me", allow="signed_in")
@routes.arguments(OwnChange)
@routes.response(200, PersonShown)
def change_me(wish):
    """A person changes what is theirs to choose."""
    with Transaction() as session:
        return change(session, caller().person_id, by=caller().person_id, at=now(), **wish)


@routes.get("/<uuid:person_id>", allow="people.read")
@routes.response(200, PersonShown)
def show(person_id):
    """One person, private fields included; the reading is kept in the audit log."""
    with Transaction() as session:
        return readings.read_for_staff(session, person_id, by=caller().person_id, at=now())


@routes.post("", allow="people.manage", refuses=(SchoolIdTaken,))
@routes.arguments(PersonWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, PersonWritten)
def create(wish, header):
    """Write down a person whom no file brought."""

    def write():
        with Transaction() as session, _school_id_free():
            person = once(session, Person, header["key"], claim_s=0, **wish)
            if not person.repeated:
                begin(session, person.id, by=caller().person_id, at=now(), **wish)
            return person

    return or_the_same(SchoolIdTaken, write)


@routes.patch("/<uuid:person_id>", allow="people.manage", refuses=(SchoolIdTaken,))
@routes.arguments(PersonChange)
@routes.response(200, PersonWritten)
def update(wish, person_id):
    """Correct a person's record."""
    with Transaction() as session:
        return change(session, person_id, by=caller().person_id, at=now(), **wish)


def add(session: Session, *, by, at: datetime, degrees=(), emails=(), reason=None, **names) -> Person:
    """A new person, with their first card; SchoolIdTaken when the school's id is in use."""
    person = Person(id=uuid7(), **names)
    session.add(person)
    with _school_id_free():
        session.flush()
    return begin(session, person.id, by=by, at=at, degrees=degrees, emails=emails, reason=reason)


def begin(
    session: Session, person_id: uuid.UUID, *, by, at: datetime, degrees=(), emails=(), reason=None, **_
) -> Person:
    """Give a person just written down their degrees and addresses, and tell of them for the first time."""
    person = cards.whole(session, person_id)
    person.degrees = [Degree(**each) for each in _distinct(degrees)]
    person.emails = [Email(id=uuid7(), address=each, source="staff") for each in _addresses(emails)]
    cards.publish_card(session, person, at=at)
    trail.note(session, person, by=by, action="person.added", detail=reason, at=at)
    return person


def change(
    session: Session, person_id: uuid.UUID, *, by, at: datetime, degrees=None, reason=None, **wish
) -> Person:
    """Give a person new names, city, locale, degrees; a card follows when anything is different."""
    person = cards.whole(session, person_id)
    _refuse_unfit(person, wish)
    wish = _first_names(person, wish)
    before = {name: getattr(person, name) for name, value in wish.items() if getattr(person, name) != value}
    for name in before:
        setattr(person, name, wish[name])
    if degrees is not None:
        before |= _study(person, degrees)
    if before:
        with _school_id_free():
            session.flush()
        cards.publish_card(session, person, at=at)
        detail = {"reason": reason, "before": before}
        trail.note(
            session, person, by=by, action="person.changed", fields=sorted(before), detail=detail, at=at
        )
    return cards.whole(session, person_id)


def _refuse_unfit(person: Person, wish: dict) -> None:
    """FieldsRefused for a new name that is none. One from before that rule stays until it is corrected."""
    held = {name: getattr(person, name) for name in ("preferred_name", "family_name", "birth_name")}
    held |= {"given_name": person.first_name, "civil_given_name": person.given_name}
    new = [name for name in held if wish.get(name) and wish[name] != held[name]]
    if unfit := [name for name in new if not is_name(wish[name])]:
        raise FieldsRefused({name: [NAME_RULE] for name in unfit})


def _first_names(person: Person, wish: dict) -> dict:
    """`given_name` is what they are called: the preferred first name when they have one, else the civil."""
    meant = {"civil_given_name": "given_name", "given_name": "given_name"}
    if person.preferred_name and "preferred_name" not in wish:
        meant["given_name"] = "preferred_name"
    return {meant.get(name, name): value for name, value in wish.items()}


def _study(person: Person, degrees) -> dict:
    """Replace the degrees that differ; what they were before, if any did."""
    wanted = {(each["programme"], each["class_year"]) for each in degrees}
    held = {(each.programme, each.class_year): each for each in person.degrees}
    for gone in set(held) - wanted:
        person.degrees.remove(held[gone])
    for programme, class_year in sorted(wanted - set(held)):
        person.degrees.append(Degree(programme=programme, class_year=class_year))
    return {"degrees": sorted(held)} if wanted != set(held) else {}


def _distinct(degrees):
    return [dict(each) for each in {tuple(sorted(each.items())): each for each in degrees}.values()]


def _addresses(emails):
    return list(dict.fromkeys(each.strip().lower() for each in emails))


@contextmanager
def _school_id_free():
    try:
        yield
    except IntegrityError as error:
        if "uq_people_school_id" in str(error.orig):
            raise SchoolIdTaken from None
        raise
