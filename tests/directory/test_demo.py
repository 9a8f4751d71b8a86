"""The demo's people: always the same, through the real import, made once."""

from dataclasses import asdict

import pytest
from sqlalchemy import func, select

from services.directory import authenticators, demo, sessions, sign_in_links, tokens
from services.directory.models import Account, Import, Person, Transaction
from services.directory.names import is_garbled
from tests.directory.conftest import NOW, said

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def demo_settings(told):
    from services.directory import settings

    made = demo.DemoSettings(
        **{name: value for name, value in asdict(told).items() if name != "demo"},
        demo=True,
        demo_staff_email="staff@valmont.example",
        demo_staff_password="staff-pass-word-1",
        demo_staff_totp=SECRET,
        demo_alumni_email="alumni@valmont.example",
        demo_alumni_password="alumni-pass-word-1",
        demo_reader_email="reader@valmont.example",
        demo_reader_password="reader-pass-word-1",
        demo_reader_totp=SECRET,
    )
    settings.use(made)
    return made


def test_the_demo_is_made_once(demo_settings):
    import pyotp

    demo.make(demo_settings, at=NOW)
    with Transaction() as session:
        counts = session.scalars(select(Import)).one().counts
        before = len(said(session, "person.card"))
        opened = session.scalar(select(func.count()).select_from(Account))
    demo.make(demo_settings, at=NOW)

    assert counts == {"created": 2000, "updated": 0, "unchanged": 0, "refused": 0}
    with Transaction() as session:
        assert session.scalar(select(func.count()).select_from(Person)) == 2002
        assert len(said(session, "person.card")) == before
        assert session.scalar(select(func.count()).select_from(Account)) == opened == 303
        reachable = session.scalar(select(func.count()).select_from(Person).where(Person.emails.any()))
        assert 1650 < reachable < 1760

        code = pyotp.TOTP(SECRET).at(NOW)
        staff = sessions.open_by_password(
            session, email="staff@valmont.example", password="staff-pass-word-1", totp=code, at=NOW
        )
        reader = sessions.open_by_password(
            session, email="reader@valmont.example", password="reader-pass-word-1", totp=code, at=NOW
        )
        alumna = sessions.open_by_password(
            session, email="alumni@valmont.example", password="alumni-pass-word-1", at=NOW
        )
        assert len(tokens.issue(session, staff["secret"], at=NOW)["rights"]) > 10
        assert tokens.issue(session, reader["secret"], at=NOW)["rights"] == ["giving.read"]
        shown = tokens.issue(session, alumna["secret"], at=NOW)
        assert (shown["rights"], shown["person"].class_year) == ([], 2009)
        assert sign_in_links.owner(session, "alumni@valmont.example") is not None
        assert authenticators.STEP_S == 30


def test_the_people_are_always_the_same_and_of_forty_classes():
    text = demo.registrar_file("alumni@valmont.example")

    assert text == demo.registrar_file("alumni@valmont.example")
    years = {row.split(";")[6] for row in text.split("\r\n")[1:]}
    assert {str(year) for year in range(1984, 2024)} <= years
    assert not is_garbled(text.replace("?", ""))


def test_there_is_no_demo_in_production(told):
    with pytest.raises(demo.NotADemo):
        demo.make(told, at=NOW)
