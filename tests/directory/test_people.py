"""People: found by how their name is written or said, and told of by versioned cards."""

from uuid import uuid4

import pytest
from sqlalchemy import String, select, text

from services.directory import cards, erasures, people, readings, searches
from services.directory.models import Person, Transaction, database
from shared.errors import NotFound
from tests.directory.conftest import NOW, said

ZOE = {
    "given_name": "Zoë",
    "family_name": "D’Aubigné",
    "birth_name": "Nguyễn",
    "city": "Orléans",
    "locale": "fr",
}
DEGREE = {"programme": "Licence Droit", "class_year": 2009}


def add(session, **wish):
    return people.add(session, by=None, at=NOW, **{**ZOE, "degrees": [DEGREE], **wish})


def names(session, q, **more):
    return sorted(person.first_name for person in session.scalars(searches.found(q, **more)))


def same_text(_, __, ___, found, declared):
    """`text` and `varchar` are one to us; alembic judges the rest."""
    return False if isinstance(found, String) and isinstance(declared, String) else None


def test_the_app_role_cannot_rewrite_what_a_person_said():
    with Transaction() as session:
        person = add(session)
        rights = (
            "select has_table_privilege('consents', 'update') or has_table_privilege('consents', 'delete')"
        )

        assert not session.scalar(text(rights))
        assert person.version == 1


def test_the_migration_makes_what_the_models_declare(directory_database):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from services.directory.models import Base

    with database.engine.connect() as connection:
        ours = {"include_object": lambda it, name, *_: "_y20" not in (name or ""), "compare_type": same_text}
        context = MigrationContext.configure(connection, opts=ours)
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


@pytest.mark.parametrize(
    "q",
    ["zoe", "Zoë d'au", "daubigne", "d aubigne", "D'AUBIGNE zo", "nguyen", "Nguyễn Zoë", "zoe 2009", "2009"],
)
def test_a_name_is_found_however_it_is_typed(session, q):
    add(session)
    add(session, given_name="Łukasz", family_name="Yılmaz", birth_name=None, degrees=[])

    assert names(session, q) == ([] if q == "daubigne" else ["Zoë"])


@pytest.mark.parametrize(
    "q", ["zo ngu", "zoe nguyen", "NGU zo", "d’au zo", "zo daub", "zo d aub", "zoe d'aubigné 2009"]
)
def test_first_letters_in_any_order_find_a_name_in_use_or_of_birth(session, q):
    add(session)
    add(session, given_name="Zoran", family_name="Ngata", birth_name=None, degrees=[])

    assert names(session, q) == ([] if q == "zo daub" else ["Zoë"])


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("goff", "Le Goff"),
        ("le gof", "Le Goff"),
        ("almeida", "D’Almeida"),
        ("la tour", "de La Tour"),
        ("tour anne", "de La Tour"),
        ("martin anne", "de La Tour"),
        ("g", "Le Goff"),
        ("off", None),
        ("goff tour", None),
    ],
)
def test_every_word_of_a_name_is_a_beginning(session, q, found):
    for number, family in enumerate(("Le Goff", "D’Almeida", "de La Tour")):
        add(session, given_name="Anne", family_name=family, birth_name=("Martin" if number == 2 else None))

    met = [person.family_name for person in session.scalars(searches.found(q))]

    assert met == ([found] if found else [])


def test_a_name_is_looked_up_in_its_index(session):
    session.execute(text("set local enable_seqscan = off"))
    asked = searches.found("aubig zo").compile(database.engine, compile_kwargs={"literal_binds": True})

    plan = "\n".join(session.connection().exec_driver_sql(f"explain {asked}").scalars())

    assert "ix_people_names" in plan


def test_letters_of_other_languages_are_folded(session):
    add(session, given_name="Łukasz", family_name="Yılmaz", birth_name=None)
    add(session, given_name="Ængus", family_name="Şimşek", birth_name=None)

    assert names(session, "lukasz yil") == ["Łukasz"]
    assert names(session, "simsek aen") == ["Ængus"]


def test_what_is_typed_is_never_a_pattern(session):
    add(session)

    for q in ("'", "\\", "a' | 'z", "zoe\\", "!zoe & x", "zoe:a", "€", "('"):
        names(session, q)
    assert names(session, "zoe:*") == names(session, "'zoe' & \\zoe") == ["Zoë"]
    assert names(session, "%") == names(session, "z_e") == names(session, "zoe' or 1=1") == []


def test_an_address_is_found_whole_and_never_by_its_beginning(session):
    add(session, emails=["Zoe@Example.org"])

    assert names(session, "ZOE@example.ORG") == ["Zoë"]
    assert names(session, "zoe@example") == []


def test_a_preferred_first_name_replaces_the_civil_one(session):
    person = add(session, preferred_name="Camille")

    assert names(session, "camille") == ["Camille"]
    assert names(session, "zoe") == []
    assert said(session, "person.card")[-1]["given_name"] == "Camille"
    assert person.given_name == "Zoë"


def test_each_change_is_one_card_of_the_next_version(session):
    person = add(session, emails=["zoe@example.org"])

    people.change(session, person.id, by=None, at=NOW, city="Nîmes")
    people.change(session, person.id, by=None, at=NOW, city="Nîmes")
    people.change(
        session, person.id, by=None, at=NOW, degrees=[DEGREE, {"programme": "MIAGE", "class_year": 2011}]
    )

    found = said(session, "person.card")
    assert [card["version"] for card in found] == [1, 2, 3]
    assert [card["headers"]["ce_sequence"] for card in found] == ["1", "2", "3"]
    assert found[-1]["city"] == "Nîmes"
    assert found[-1]["email"] == "zoe@example.org"
    assert [degree["class_year"] for degree in found[-1]["degrees"]] == [2009, 2011]
    assert {key for key in found[-1] if "born" in key or "school" in key} == set()


def test_a_card_shows_a_verified_address_only_as_its_mark(session, told):
    from services.directory import contacts
    from shared.messages import email_mark

    person = add(session, emails=["zoe@example.org"])
    assert said(session, "person.card")[-1].get("verified") == []

    contacts.verify(session, person, "zoe@example.org", at=NOW)
    cards.publish_card(session, person, at=NOW)

    assert said(session, "person.card")[-1]["verified"] == [email_mark("zoe@example.org", told.email_key)]


def test_an_address_is_verified_for_one_person_only(session):
    from services.directory import contacts

    first = add(session, emails=["both@example.org"])
    second = add(session, emails=["both@example.org"])

    assert contacts.verify(session, first, "both@example.org", at=NOW)
    session.flush()
    assert not contacts.verify(session, second, "both@example.org", at=NOW)


def test_two_people_cannot_have_one_school_id(session):
    add(session, school_id="72100001")

    with pytest.raises(people.SchoolIdTaken):
        add(session, school_id="72100001")
    session.rollback()


def test_erasing_leaves_an_id_and_a_tombstone(session):
    person = add(session, emails=["zoe@example.org"])
    person_id = person.id

    erasures.erase(session, person_id, by=None, at=NOW, reason="written twice")

    assert said(session, "person.card")[-1] == {
        "key": str(person_id),
        "tombstone": True,
        "contact": None,
        "headers": said(session, "person.card")[-1]["headers"],
    }
    assert said(session, "person.card")[-1]["headers"]["ce_sequence"] == "2"
    assert session.scalar(text("select count(*) from emails")) == 0
    assert session.execute(text("select person_id, version from erased_people")).one() == (person_id, 2)
    with pytest.raises(NotFound):
        readings.read(session, person_id)


def test_an_emptied_broker_gets_every_card_and_every_tombstone_again(session):
    living = [add(session).id for _ in range(3)]
    gone = add(session).id
    erasures.erase(session, gone, by=None, at=NOW, reason="written twice")

    again = list(cards.all_cards(session))

    assert {card.person_id: card.version for card in again if not card.erased} == dict.fromkeys(living, 2)
    assert [(card.person_id, card.version) for card in again if card.erased] == [(gone, 2)]
    assert set(session.scalars(select(Person.version))) == {2}


def test_two_changes_at_once_are_two_versions():
    from concurrent.futures import ThreadPoolExecutor

    with Transaction() as session:
        person_id = add(session).id

    def move(city):
        with Transaction() as session:
            people.change(session, person_id, by=None, at=NOW, city=city)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(move, [f"Ville {number}" for number in range(20)]))

    with Transaction() as session:
        assert [card["version"] for card in said(session, "person.card")] == list(range(1, 22))


def test_a_person_who_is_not_there_is_not_found(session):
    with pytest.raises(NotFound):
        people.change(session, uuid4(), by=None, at=NOW, city="Nîmes")
