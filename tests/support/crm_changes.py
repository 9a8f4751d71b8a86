"""What happens to parties whom a CRM hears of, and what is there afterwards."""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from services.notify import deliveries, gifts, recipients, registrations, schedule, subscriptions
from services.notify.connectors.civicrm import events, participants, records
from services.notify.models import CHANGED, CIVICRM, CrmChange, CrmConflict, Delivery, Transaction
from services.notify.settings import NotifySettings
from shared.messages import DonorAttached, Message, PersonCard, RegistrationCancelled
from tests.support import facts
from tests.support.civicrm import Crm
from tests.support.facts import NOW
from tests.support.provider import CRM_KEY

LATER = count(1)
LEFT = ("queued", "sending", "failed")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> Any:
        return self.at


def connect(crm: Crm, settings: NotifySettings) -> UUID:
    """The CRM hears of everything from now on."""
    with Transaction() as session:
        subscription, _ = subscriptions.subscribe(
            session,
            url=crm.url,
            types=[CHANGED],
            at=NOW - timedelta(days=1),
            settings=settings,
            secret=CRM_KEY,
            connector=CIVICRM,
        )
        return subscription.id


def settle(settings: NotifySettings, *messages: Message) -> None:
    """Gifts were made."""
    with Transaction() as session:
        for message in messages:
            gifts.settled(session, message, settings=settings, at=NOW)  # type: ignore[arg-type]


def refund(settings: NotifySettings, message: Any, **values: Any) -> None:
    """A gift went back."""
    with Transaction() as session:
        gifts.refunded(session, facts.refunded(message, **values), settings=settings, at=NOW)


def register(settings: NotifySettings, *messages: Any) -> None:
    """Seats were taken."""
    with Transaction() as session:
        for message in messages:
            registrations.confirmed(session, message, settings=settings, at=NOW)


def move(settings: NotifySettings, message: Any, **values: Any) -> None:
    """The event is at another time."""
    with Transaction() as session:
        moved = facts.moved(message, **values)
        registrations.rescheduled(session, moved, settings=settings, at=NOW)


def give_back(settings: NotifySettings, message: Any, **values: Any) -> RegistrationCancelled:
    """Seats were given back."""
    told = facts.given_back(message, **values)
    with Transaction() as session:
        registrations.cancelled(session, told, settings=settings, at=NOW)
    return told


def keep(card: PersonCard) -> None:
    """A person's card was heard."""
    with Transaction() as session:
        recipients.keep(session, card, at=NOW)


def attach(who: dict[str, Any], person_id: UUID) -> None:
    """A guest is this person."""
    with Transaction() as session:
        attached = DonorAttached(party_id=who["party_id"], person_id=person_id, attached_at=NOW)
        gifts.attached(session, facts.heard(attached), at=NOW)


def again(message: Any, **values: Any) -> dict[str, Any]:
    """Whoever did this."""
    return {**facts.contact(**values), "party_id": message.party_id}


def push(clock: Clock | None = None, most: int = 10_000) -> int:
    """So many deliveries that are due leave."""
    clock, pushed = clock or Clock(), 0
    while pushed < most and schedule.push_next(clock=clock):
        pushed += 1
    return pushed


def run_dry(clock: Clock, rounds: int = 800) -> None:
    """Until nothing waits."""
    for _ in range(rounds):
        push(clock)
        if not waiting():
            return
        clock.at += timedelta(minutes=5)
    with Transaction() as session:
        left = session.execute(
            select(Delivery.status, Delivery.error, Delivery.attempts).where(Delivery.status.in_(LEFT))
        )
        raise AssertionError(f"still waiting: {left.all()}")


def waiting() -> int:
    """Deliveries that have not arrived."""
    with Transaction() as session:
        left = select(func.count()).select_from(Delivery).where(Delivery.status.in_(LEFT))
        return session.execute(left).scalar_one()


def last() -> Delivery:
    """The latest delivery."""
    with Transaction() as session:
        return session.execute(select(Delivery).order_by(Delivery.id.desc()).limit(1)).scalar_one()


def conflicts_found() -> list[CrmConflict]:
    """All, the oldest first."""
    with Transaction() as session:
        return list(session.execute(select(CrmConflict).order_by(CrmConflict.id)).scalars())


def owners(crm: Crm) -> list[int]:
    """Whose the contributions are."""
    return [row["contact_id"] for row in crm.contributions()]


def doubled(crm: Crm) -> int:
    """Records over there that bear the id of another one."""
    found = {
        "external_identifier": crm.contacts(),
        "trxn_id": crm.contributions(),
        events.OURS: crm.events(),
        participants.OURS: crm.participants(),
    }
    return sum(len(rows) - len({row[name] for row in rows}) for name, rows in found.items())


def differing(crm: Crm) -> int:
    """Parties whose fields, gifts or registrations over there are not ours."""
    with Transaction() as session:
        changed = set(session.execute(select(CrmChange.party_id)).scalars())
        states = [deliveries.state_for_crm(session, party_id) for party_id in changed]
    there = {row["external_identifier"]: row for row in crm.contacts()}
    hung = {row["trxn_id"]: row for row in crm.contributions()}
    hung |= {row[participants.OURS]: row for row in crm.participants()}
    at = {row[events.OURS]: row for row in crm.events()}
    return sum(not _is_there(state, there.get(state["party_id"]), hung, at) for state in states)


def _is_there(state: Any, row: Any, hung: Any, at: Any) -> bool:
    if state["erased"] or state["merged_into"]:
        return row is None or not row["first_name"]
    told = {**records.contributions(state), **records.participants(state)}
    return (
        row is not None
        and _same(records.contact(state), row)
        and all(_same({**ours, "contact_id": row["id"]}, hung.get(each, {})) for each, ours in told.items())
        and all(_same(ours, at.get(each, {})) for each, ours in records.events(state).items())
    )


def _same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return all(
        records.folded(name, value) == records.folded(name, theirs.get(name)) for name, value in ours.items()
    )
