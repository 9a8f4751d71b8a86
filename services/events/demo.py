"""The demo's data: events past and to come, and who registered, made through the use cases.

    python -m services.events.demo

Deterministic but for the day it is run; running it again adds what is missing and nothing else.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from services.events import drafts, publications, registrations
from services.events.demo_events import COMPANIONS, EVENTS, GUESTS
from services.events.models import Event, Registrant, Transaction, database
from services.events.settings import EventsSettings, use
from shared.auth import Caller
from shared.clock import ZONE, now
from shared.names import fold
from shared.progress import Progress

PEOPLE_EXPECTED, PATIENCE_S, QUIET_CHECKS = 1_900, 240.0, 4
BEFORE = timedelta(days=40)
"""So long before it takes place an event of the demo is published."""


@dataclass(frozen=True, kw_only=True)
class DemoSettings(EventsSettings):
    """The demo also knows who signs in as an alumnus."""

    demo_alumni_email: str = ""


def main() -> None:
    """The command."""
    told = DemoSettings.from_env("events")
    use(told)
    if not told.demo:
        raise SystemExit("The demo's data is made in a demo only (AMICALE_DEMO=1).")
    database.connect(told.database_url, pool_size=2)
    made = make(wait_for_people(told.demo_alumni_email), at=now())
    print(f"{made} registrations for {len(EVENTS)} events")


def wait_for_people(first: str) -> list[Registrant]:
    """Whom the directory knows an address of, once the replica has stopped growing; who signs in first."""
    deadline, before, quiet = time.monotonic() + PATIENCE_S, -1, 0
    while True:
        with Transaction() as session:
            count = session.execute(select(func.count()).where(Registrant.version > 0)).scalar_one()
        quiet = quiet + 1 if count == before else 0
        if (count >= PEOPLE_EXPECTED and quiet >= QUIET_CHECKS) or time.monotonic() > deadline:
            break
        before = count
        time.sleep(0.5)
    with Transaction() as session:
        known = select(Registrant).where(
            Registrant.version > 0, Registrant.merged_into.is_(None), Registrant.email.is_not(None)
        )
        order = (Registrant.email != first, Registrant.family_name, Registrant.given_name, Registrant.id)
        return list(session.execute(known.order_by(*order)).scalars())


def make(people: list[Registrant], *, at: datetime) -> int:
    """Events, and every registration that is not there yet; how many there are."""
    for told in EVENTS:
        _event(told, at=at)
    planned = [each for number, told in enumerate(EVENTS) for each in _planned(number, told, people, at=at)]
    progress = Progress(len(planned), "registrations")
    for done, (key, wish, who, moment) in enumerate(planned, 1):
        scope: dict[str, Any] = {"caller": "demo", "route": "demo", "idempotency_key": key}
        scope["wish_hash"] = hashlib.sha256(key.encode()).digest()
        with Transaction() as session:
            wish["event_id"] = session.execute(
                select(Event.id).where(Event.slug == wish["event_id"])
            ).scalar_one()
            registrations.register(session, wish, scope=scope, by=who, at=moment)
        progress.reached(done)
    return len(planned)


def _event(told: dict[str, Any], *, at: datetime) -> None:
    """The event, published, unless it is there."""
    texts = ("slug", "title", "summary", "description", "place", "organiser", "picture", "seats_max")
    starts_at = _start(told, at)
    closes = timedelta(days=told["closes_before"]) if "closes_before" in told else None
    with Transaction() as session:
        if session.execute(select(Event.id).where(Event.slug == told["slug"])).first():
            return
        drafted = drafts.draft(
            session,
            by=None,
            at=starts_at - BEFORE - timedelta(days=2),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=told["lasts"]),
            time_zone=str(ZONE),
            online_url=told.get("online_url"),
            visibility=told.get("visibility", "public"),
            per_registration_max=told.get("per_registration_max", 4),
            registration_closes_at=starts_at - closes if closes else None,
            withdraw_until=starts_at - closes if closes else None,
            **{name: told[name] for name in texts},
        )
        publications.publish(session, drafted.id, by=None, at=min(at, starts_at - BEFORE))


def _planned(
    number: int, told: dict[str, Any], people: list[Registrant], *, at: datetime
) -> Iterator[tuple[str, dict[str, Any], Caller, datetime]]:
    """Each registration: its key, what is asked, by whom, and when."""
    members = [people[0], *people[1 + number * 40 :]][: told["members"]] if people else []
    whole = len(members) + told["guests"]
    ends = min(at, _start(told, at) - timedelta(days=told.get("closes_before", 0), hours=1))
    for place in range(whole):
        companions = [COMPANIONS[place % len(COMPANIONS)]] if place % 3 == 0 else []
        wish: dict[str, Any] = {
            "event_id": told["slug"],
            "locale": "en" if place % 5 == 4 else "fr",
            "companions": [{"given_name": given, "family_name": family} for given, family in companions],
        }
        if told.get("per_registration_max") == 1:
            wish["companions"] = []
        person = members[place].id if place < len(members) else None
        if person is None:
            given, family = GUESTS[(place - len(members)) % len(GUESTS)]
            email = f"{fold(given)}.{fold(family)}@example.net".replace(" ", "")
            wish |= {"given_name": given, "family_name": family, "email": email}
        moment = ends - timedelta(hours=5 * (whole - place))
        yield f"{told['slug']}-{place}", wish, Caller(person, frozenset(), None, ""), moment


def _start(told: dict[str, Any], at: datetime) -> datetime:
    day = at.astimezone(ZONE) + timedelta(days=told["day"])
    return day.replace(hour=told["hour"], minute=0, second=0, microsecond=0)


if __name__ == "__main__":
    main()
