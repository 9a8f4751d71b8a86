"""A person and their degrees: what the school knows of someone, before anything they do."""

import uuid
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Index, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.directory.models.base import Base
from shared.db import Id, Instant
from shared.once import ONCE_KEY, Once

if TYPE_CHECKING:
    from services.directory.models.consents import Consent
    from services.directory.models.contacts import DroppedEmail, Email

LOCALES = ("fr", "en")


NAMES = """
array_to_tsvector(string_to_array(fold(
  coalesce(preferred_name, given_name) || ' ' || family_name || ' ' || coalesce(birth_name, '')), ' '))
"""


class PersonRules:
    """What follows from a person's names, degrees and addresses, whatever they were read into."""

    if TYPE_CHECKING:
        given_name: Mapped[str]
        preferred_name: Mapped[str | None]
        degrees: Mapped[list["Degree"]]
        emails: Mapped[list["Email"]]

    @property
    def first_name(self) -> str:
        """The first name to call them by."""
        return self.preferred_name or self.given_name

    @property
    def class_years(self) -> list[int]:
        """Their classes, oldest first."""
        return sorted({degree.class_year for degree in self.degrees})

    @property
    def class_year(self) -> int | None:
        """The class they are known by: that of their first degree, as on their card."""
        return min(self.class_years, default=None)

    @property
    def email(self) -> str | None:
        """Where to write to them: the verified address if there is one, else the oldest not lost."""
        usable = [email for email in self.emails if email.lost_at is None]
        usable.sort(key=lambda email: (email.verified_at is None, email.id))
        return usable[0].address if usable else None


class Person(PersonRules, Once, Base):
    """Someone of the school. `version` rises by one, under the row's lock, with each card published.

    `given_name` and `birth_name` are the civil ones; a preferred first name replaces the civil one
    everywhere but on a tax receipt. `family_name` is the name in use.
    """

    __tablename__ = "people"

    id: Mapped[Id]
    school_id: Mapped[str | None] = mapped_column(Text, unique=True)
    given_name: Mapped[str]
    preferred_name: Mapped[str | None]
    family_name: Mapped[str]
    birth_name: Mapped[str | None]
    born_on: Mapped[date | None]
    city: Mapped[str | None]
    locale: Mapped[str] = mapped_column(default="fr")
    informed_at: Mapped[datetime | None]
    informed_by: Mapped[str | None]
    version: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[Instant] = mapped_column(server_default=func.now())
    changed_at: Mapped[Instant] = mapped_column(server_default=func.now())
    family_first: Mapped[str] = mapped_column(
        Text(collation="C"), Computed("fold(family_name || ' ' || coalesce(preferred_name, given_name))")
    )
    names: Mapped[str] = mapped_column(TSVECTOR, Computed(NAMES), deferred=True)
    """Every word of the names in use and of birth, folded: what a search finds by its beginning."""

    degrees: Mapped[list["Degree"]] = relationship(
        order_by="Degree.class_year, Degree.programme", cascade="all, delete-orphan", lazy="raise_on_sql"
    )
    emails: Mapped[list["Email"]] = relationship(
        order_by="Email.id", cascade="all, delete-orphan", lazy="raise_on_sql"
    )
    dropped_emails: Mapped[list["DroppedEmail"]] = relationship(passive_deletes="all", lazy="raise_on_sql")
    consents: Mapped[list["Consent"]] = relationship(
        order_by="Consent.said_at, Consent.id", passive_deletes="all", lazy="raise_on_sql"
    )

    __table_args__ = (
        UniqueConstraint(*ONCE_KEY),
        CheckConstraint("locale in ('fr', 'en')", name="locale"),
        CheckConstraint("version >= 0", name="version"),
        CheckConstraint("given_name <> '' and family_name <> ''", name="named"),
        CheckConstraint("(informed_at is null) = (informed_by is null)", name="informed"),
        Index("ix_people_family_first", "family_first", "id"),
        Index("ix_people_names", "names", postgresql_using="gin"),
    )

    def inform(self, how: str, *, at: datetime) -> bool:
        """They were told that the school holds their data and what for; True when it is news."""
        if self.informed_at is not None:
            return False
        self.informed_at, self.informed_by = at, how
        return True


class Degree(Base):
    """A degree of the school; the class year is the year it was obtained in."""

    __tablename__ = "degrees"

    id: Mapped[Id]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    programme: Mapped[str]
    class_year: Mapped[int]

    __table_args__ = (
        UniqueConstraint("person_id", "programme", "class_year"),
        CheckConstraint("class_year between 1900 and 2100", name="class_year"),
        Index("ix_degrees_class_year", "class_year", "person_id"),
    )


class ErasedPerson(Base):
    """What is kept of an erased person: the id and the version of the tombstone that was published."""

    __tablename__ = "erased_people"

    person_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    erased_at: Mapped[Instant]
