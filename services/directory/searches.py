"""Searches: who is meant by what somebody typed."""

from sqlalchemy import ColumnElement, Select, func, select

from services.directory import cards
from services.directory.models import Degree, Email, Person


def found(q: str, *, class_year: int | None = None) -> Select:
    """Who matches: an address exactly; else each word as the beginning of a word of their names, in any order
    (`goff` is Le Goff, `la tour` De La Tour), and a year as a class. By ix_people_names.
    """
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


def _named(name: str) -> ColumnElement[bool]:
    """Found before they are sorted, since nobody knows beforehand how many begin so: to walk in the order of
    names until a page is full would read everybody for a rare one. A single letter soon fills a page.
    """
    begins_so = Person.names.bool_op("@@")(func.beginnings(name))
    if max(map(len, name.split())) == 1:
        return begins_so
    return Person.id.in_(select(select(Person.id).where(begins_so).cte("named").prefix_with("materialized")))


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.isascii() and word.isdigit() and 1900 <= int(word) <= 2100
