"""Searches: who is meant by what somebody typed."""

from sqlalchemy import Select, and_, func, or_, select

from services.directory import cards
from services.directory.models import Degree, Email, Person

LAST_LETTER = "\U0010ffff"
WORDS_PARTED = 5


def found(q: str, *, class_year: int | None = None) -> Select:
    """Who matches: an address exactly; else the words as the beginning of a name, and a year as a class."""
    statement = select(Person).options(*cards.WHOLE[:2])
    words = q.split()
    if len(words) == 1 and "@" in q:
        return statement.where(
            Person.id.in_(select(Email.person_id).where(Email.address == words[0].lower()))
        )
    years = [int(word) for word in words if _is_year(word)]
    for year in {*years, *([class_year] if class_year else [])}:
        statement = statement.where(Person.id.in_(select(Degree.person_id).where(Degree.class_year == year)))
    name = " ".join(word for word in words if not _is_year(word))
    return statement.where(_named(name)) if name else statement


def _named(name: str):
    """The words as the beginning of a whole name, or some of one part and the others of another."""
    columns = (Person.family_first, Person.given_first, Person.birth_first)
    whole = [_begins(column, name) for column in columns]
    words = name.split()
    parts = range(1, len(words)) if len(words) <= WORDS_PARTED else ()
    return or_(*whole, *(_parted(" ".join(words[:at]), " ".join(words[at:])) for at in parts))


def _parted(left: str, right: str):
    """`cl du` and `du cl` are Claire Dupont, whether she is or was born a Dupont."""
    given = {words: _begins(Person.given_first, words) for words in (left, right)}
    pairs = [
        and_(_begins(family, one), given[other])
        for family in (Person.family_first, Person.birth_first)
        for one, other in ((left, right), (right, left))
    ]
    return or_(*pairs)


def _begins(column, words: str):
    """Ranges instead of LIKE, so that a prepared plan still walks the indexes."""
    first = func.fold(words)
    return and_(first != "", column >= first, column < first.concat(LAST_LETTER))


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.isascii() and word.isdigit() and 1900 <= int(word) <= 2100
