"""The demo's people: `python -m services.directory.demo`, with AMICALE_DEMO=1 only.

Two thousand alumni of forty classes, always the same ones, imported from a registrar's file by the import
itself; some with accounts; an officer with every right, an alumna. Running it again changes nothing.
"""

import io
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.directory import accounts, authenticators, cards, import_runs, imports, people, settings
from services.directory.demo_names import CITIES, ORIGINS, PROGRAMMES
from services.directory.models import Account, Email, Import, Person, Transaction, database
from services.directory.names import unaccented
from shared.clock import now
from shared.progress import Progress
from shared.rights import RIGHTS

PEOPLE = 2000
CLASSES = range(1984, 2024)
FILENAME = "etudiants-diplomes-1984-2023.csv"
INFORMED_BY = "mention d’information du dossier d’inscription"
ACCOUNTS = 300
HEADER = (
    "N° étudiant;Nom d'usage;Nom de naissance;Prénom;Date de naissance;Diplôme;Année d'obtention;"
    "Courriel;Ville;Langue;Accord contact (O/N)"
)


class NotADemo(SystemExit):
    """Demo data exist only with AMICALE_DEMO=1."""


@dataclass(frozen=True, kw_only=True)
class DemoSettings(settings.DirectorySettings):
    """The sign-ins to make. The reader, an officer who may only read gifts, is made when told of."""

    demo_staff_email: str
    demo_staff_password: str = field(repr=False)
    demo_staff_totp: str = field(repr=False)
    demo_alumni_email: str
    demo_alumni_password: str = field(repr=False)
    demo_reader_email: str = ""
    demo_reader_password: str = field(default="", repr=False)
    demo_reader_totp: str = field(default="", repr=False)


def make(told: DemoSettings, *, at: datetime) -> None:
    """Everything, in an order that can be broken off and taken up again."""
    if not told.demo:
        raise NotADemo("demo data exist only with AMICALE_DEMO=1")
    _import(told.demo_alumni_email, at=at)
    with Transaction() as session:
        _officer(session, "Hélène", "Roussel", told.demo_staff_email, told.demo_staff_password,
                 totp=told.demo_staff_totp, rights=sorted(RIGHTS), at=at)  # fmt: skip
        if told.demo_reader_email:
            _officer(session, "Karim", "Haddad", told.demo_reader_email, told.demo_reader_password,
                     totp=told.demo_reader_totp, rights=["giving.read"], at=at)  # fmt: skip
        _alumna(session, told.demo_alumni_email, told.demo_alumni_password, at=at)
    with Transaction() as session:
        _open_accounts(session, at=at)


def registrar_file(alumni_email: str) -> str:
    """The file: one row a degree, the demo's alumna among them; the same text each time."""
    chance = random.Random("Université de Valmont")
    rows = [HEADER]
    for number in range(PEOPLE - 1):
        rows += _rows(chance, number)
    rows.append(f"09100001;Martin;Nguyen;Élodie;12/05/1986;Master Gestion;2009;{alumni_email};Lyon;fr;O")
    return "\r\n".join(rows)


def _rows(chance: random.Random, number: int) -> Iterator[str]:
    class_year = CLASSES[number % len(CLASSES)]
    origin = chance.choices(ORIGINS, weights=[each.weight for each in ORIGINS])[0]
    is_woman = chance.random() < 0.54
    given = chance.choice(origin.women if is_woman else origin.men)
    birth = family = chance.choice(origin.families)
    if is_woman and class_year < 2014 and chance.random() < 0.35:
        family = chance.choice(ORIGINS[0].families)
    elif chance.random() < 0.04:
        family = f"{birth}-{chance.choice(ORIGINS[0].families)}"
    studies = chance.choice(PROGRAMMES)
    graduated = class_year if chance.random() < 0.8 else class_year + 2
    born = datetime(class_year - chance.randint(21, 26), chance.randint(1, 12), chance.randint(1, 28))  # noqa: DTZ001
    email = f"{_dotted(given)}.{_dotted(family)}{number}@example.org" if chance.random() < 0.85 else ""
    common = f"{class_year % 100:02}1{number:05};{_written(chance, family)};{birth};{given};{born:%d/%m/%Y}"
    may_contact = chance.choices(("O", "N", ""), weights=(60, 5, 35))[0]
    rest = f"{email};{chance.choice(CITIES)};{origin.locale};{may_contact}"
    yield f"{common};{studies[0]};{class_year};{rest}"
    if graduated != class_year and len(studies) > 1:
        yield f"{common};{studies[1]};{graduated};{rest}"


def _written(chance: random.Random, name: str) -> str:
    """Registrars like capitals."""
    return name.upper() if chance.random() < 0.5 else name


def _dotted(name: str) -> str:
    plain = unaccented(name).translate(str.maketrans("łæøđıß", "laodis"))
    return "".join(each for each in plain.replace(" ", "-") if each.isascii())


def _import(alumni_email: str, *, at: datetime) -> None:
    with Transaction() as session:
        made = session.scalar(select(Import.id).where(Import.filename == FILENAME))
        if made is None:
            file = io.BytesIO(registrar_file(alumni_email).encode())
            checked = imports.check(session, file, filename=FILENAME, by=None, at=at, informed_by=INFORMED_BY)
            made = imports.confirm(session, checked.id, by=None, at=at).id
    progress = Progress(PEOPLE, "people")
    while (running := _read(made)).status == "running":
        progress.reached(running.done)
        with Transaction() as session:
            written = import_runs.write_some(session, at=at)
        if not written:
            time.sleep(0.05)


def _read(import_id) -> Import:
    """How the import is, which the worker may be writing at the same time."""
    with Transaction() as session:
        return session.scalars(select(Import).where(Import.id == import_id)).one()


def _officer(session: Session, given, family, email, password, *, totp, rights, at) -> None:
    if _has_account(session, email):
        return
    officer = people.add(session, given_name=given, family_name=family, locale="fr", by=None, at=at)
    account = accounts.open_account(session, officer, email=email, at=at, password=password)
    accounts.grant(session, account.id, rights=rights, by=None, at=at)
    authenticators.start(session, account.id, secret=totp, at=at)
    account.totp_confirmed_at = at


def _alumna(session: Session, email: str, password: str, *, at: datetime) -> None:
    if _has_account(session, email):
        return
    person_id = session.scalars(select(Email.person_id).where(Email.address == email)).one()
    accounts.open_account(session, cards.whole(session, person_id), email=email, at=at, password=password)


def _open_accounts(session: Session, *, at: datetime) -> None:
    """Some people came by their link over the last two years."""
    chance = random.Random("comptes")
    if session.scalar(select(func.count()).select_from(Account)) > ACCOUNTS / 2:
        return
    with_email = select(Person.id).join(Email).where(~Person.id.in_(select(Account.person_id)))
    ids = session.scalars(with_email.order_by(Person.school_id)).all()
    for person_id in sorted(chance.sample(ids, min(ACCOUNTS, len(ids)))):
        person = cards.whole(session, person_id)
        opened_at = at - timedelta(days=chance.randint(1, 720), seconds=chance.randint(0, 80_000))
        accounts.open_account(session, person, email=person.email or "", at=opened_at)


def _has_account(session: Session, email: str) -> bool:
    return session.scalar(select(Account.id).where(Account.email == email.lower())) is not None


if __name__ == "__main__":
    demo_settings = DemoSettings.from_env("directory")
    settings.use(demo_settings)
    database.connect(demo_settings.database_url)
    make(demo_settings, at=now())
