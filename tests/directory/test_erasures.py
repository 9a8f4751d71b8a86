"""Erasures: nothing of a person is left behind, wherever it had been copied."""

import io

import pytest
from sqlalchemy import text

from services.directory import (
    accounts,
    cards,
    contacts,
    erasures,
    import_runs,
    imports,
    people,
    settings,
    sign_in_links,
)
from services.directory.models import Base, Person, Transaction
from shared import audit
from tests.directory.conftest import NOW, said

CANARY = "Zanzibar"
HEADER = "Matricule;Nom;Nom de naissance;Prénom;Ville;Courriel;Diplôme;Année"
ROW = f"{CANARY}1;{CANARY};{CANARY}a;{CANARY}b;{CANARY}c;{CANARY}@example.org;{CANARY}d;2009"


def everything(session):
    """Every row of every table, as text."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    return {
        name: session.scalar(text(f"select coalesce(string_agg(t::text, '\n'), '') from {name} t"))
        for name in tables
    }


@pytest.fixture
def canary():
    """Somebody whose every field sings, brought by a file, changed by hand, sent a link."""
    with Transaction() as session:
        checked = imports.check(
            session, io.BytesIO(f"{HEADER}\n{ROW}".encode()), filename="a.csv", by=None, at=NOW
        )
        imports.confirm(session, checked.id, by=None, at=NOW)
    for _ in range(2):
        with Transaction() as session:
            import_runs.write_some(session, at=NOW)
    with Transaction() as session:
        person = session.scalars(text("select id from people")).one()
        people.change(session, person, by=None, at=NOW, city=f"{CANARY}e", reason=f"{CANARY}f")
        sign_in_links.ask(session, email=f"{CANARY}@example.org".lower(), locale="fr", next=None, at=NOW)
        session.flush()
        sign_in_links.issue_waiting(session, at=NOW)
    with Transaction() as session:
        further = contacts.add(session, person, address=f"{CANARY}g@example.org", by=None, at=NOW)
        session.flush()
        contacts.remove(session, person, further.id, by=None, at=NOW)
    return person


def test_a_canary_in_every_field_is_found_nowhere_afterwards(canary):
    with Transaction() as session:
        sung = {name for name, content in everything(session).items() if CANARY.lower() in content.lower()}
        assert everything(session)["dropped_emails"]
        erasures.erase(session, canary, by=None, at=NOW, reason="written twice")

    with Transaction() as session:
        assert not everything(session)["dropped_emails"]
        left = {name for name, content in everything(session).items() if CANARY.lower() in content.lower()}
        key = settings.current().link_key
        assert audit.verify(session, key=key).bad_number is None
    assert {"people", "degrees", "emails", "import_rows", "outbox", "audit_details", "sign_in_links"} <= sung
    assert left == set()


def test_the_tombstone_outlives_the_cards(canary):
    with Transaction() as session:
        erasures.erase(session, canary, by=None, at=NOW, reason="written twice")

    with Transaction() as session:
        told = said(session, "person.card")
        assert [(card["tombstone"], card["headers"]["ce_sequence"]) for card in told] == [(True, "5")]


def test_somebody_with_an_account_is_not_erased_like_that(canary):
    with Transaction() as session:
        accounts.open_account(
            session,
            cards.whole(session, canary),
            email=f"{CANARY}@example.org",
            at=NOW,
            password="a long one 12",
        )

    with pytest.raises(erasures.PersonHasAccount), Transaction() as session:
        erasures.erase(session, canary, by=None, at=NOW, reason="written twice")

    with Transaction() as session:
        assert session.get(Person, canary) is not None
