"""Deliveries: each change on its way to each subscription, in order for each party."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from marshmallow import Schema, fields, validate
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from services.notify import changes, conflicts, crm_events, crm_holds, memories, parties
from services.notify.connectors import BY_KIND, Arrived, BeingMade, Hold, Memory, Missed, Target, unreadable
from services.notify.models import CIVICRM, CrmChange, Delivery, Subscription, Transaction
from services.notify.models.delivery import DeliveryNotFailed
from services.notify.settings import NotifySettings
from shared.clock import now
from shared.db import lock
from shared.http import Blueprint
from shared.messages import reveal
from shared.pages import PageQuery, page, paged

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PUT_ASIDE = "crm.put_aside"
WAITING = ("queued", "sending")
STATUSES = (*WAITING, "delivered", "covered", "failed")

routes = Blueprint("deliveries", __name__, url_prefix="/api/v1/notify/deliveries")


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    subscription_id = fields.UUID()
    status = fields.String(validate=validate.OneOf(STATUSES))


class DeliveryShown(Schema):
    """A delivery; `covered` is one whose change was in a state that arrived before it was due."""

    id = fields.UUID()
    subscription_id = fields.UUID()
    party_id = fields.UUID()
    correlation_id = fields.UUID(allow_none=True)
    cause = fields.String(metadata={"description": "the message that changed the party"})
    status = fields.String(validate=validate.OneOf(STATUSES))
    attempts = fields.Integer()
    answer_code = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    created_at = fields.AwareDateTime()
    next_attempt_at = fields.AwareDateTime()
    delivered_at = fields.AwareDateTime(allow_none=True)
    covered_by = fields.UUID(allow_none=True)


@routes.get("", allow="integrations.manage")
@routes.arguments(DeliveryQuery, location="query")
@routes.response(200, paged(DeliveryShown))
def index(query):
    """Deliveries, the newest first."""
    found = select(Delivery)
    for name in ("subscription_id", "status"):
        if name in query:
            found = found.where(getattr(Delivery, name) == query[name])
    with Transaction() as session:
        shown = page(session, found, after=query["after"], limit=query["limit"], keys=[Delivery.id.desc()])
        return shown | {"items": _with_causes(session, shown["items"])}


@routes.post("/<uuid:delivery_id>/retries", allow="integrations.manage", refuses=(DeliveryNotFailed,))
@routes.response(201, DeliveryShown)
def create_retry(delivery_id):
    """Try again what was given up, with the state of today."""
    with Transaction() as session:
        delivery = retry(session, delivery_id, at=now())
        return _with_causes(session, [delivery])[0]


def _with_causes(session: Session, deliveries: list[Delivery]) -> list[dict[str, Any]]:
    positions = [each.position for each in deliveries]
    causes = dict(
        session.execute(
            select(CrmChange.position, CrmChange.cause).where(CrmChange.position.in_(positions))
        ).all()
    )
    return [{**vars(each), "cause": causes[each.position]} for each in deliveries]


@dataclass(frozen=True)
class Parcel:
    """One delivery, claimed and complete: everything that is needed after the transaction is closed."""

    id: UUID
    subscription_id: UUID
    party_id: UUID
    correlation_id: UUID | None
    attempt: int
    connector: str
    target: Target
    state: dict[str, Any]


DUE = text("""
select d.id from subscriptions s cross join lateral (
  select w.id, w.next_attempt_at from deliveries w
  where w.subscription_id = s.id and w.status in ('queued', 'sending') and w.next_attempt_at <= :at
    and not exists (
      select from deliveries e where e.subscription_id = w.subscription_id and e.party_id = w.party_id
        and e.position < w.position and e.status in ('queued', 'sending'))
  order by w.next_attempt_at, w.position limit 1 for update skip locked) d
where s.active and s.deleted_at is null and (s.rests_until is null or s.rests_until <= :at)
order by d.next_attempt_at limit 1
""")
"""By ix_deliveries_due for each subscription that is awake, so that what waits for a sleeping one is not
read; the oldest of a party by ix_deliveries_waiting."""


def claim(session: Session, *, at: datetime, settings: NotifySettings) -> Parcel | None:
    """The next delivery that is due, marked as being sent; the caller commits before anything leaves.

    A webhook repeats its words under one id. A CRM is told the state of this moment: a gift that is another
    party's since must not be taken back by an older state.

    Only the oldest that waits for a (subscription, party) may go: a party's states never pass each other.
    """
    due = session.execute(DUE, {"at": at}).scalar_one_or_none()
    if due is None:
        return None
    delivery = session.get_one(Delivery, due)
    subscription = session.get_one(Subscription, delivery.subscription_id)
    to = target(subscription, settings)
    if subscription.connector == CIVICRM:
        delivery.body = state_for_crm(session, delivery.party_id) | {"as_of": at.isoformat()}
        to = _remembering(session, to, delivery)
    elif delivery.body is None:
        delivery.body = parties.state(session, delivery.party_id) | {"as_of": at.isoformat()}
    delivery.claim(at=at)
    return Parcel(
        id=delivery.id,
        subscription_id=subscription.id,
        party_id=delivery.party_id,
        correlation_id=delivery.correlation_id,
        attempt=delivery.attempts,
        connector=subscription.connector,
        target=to,
        state=delivery.body,
    )


def state_for_crm(session: Session, party_id: UUID) -> dict[str, Any]:
    """All of a party, and the events that they registered for."""
    state = parties.state(session, party_id, gifts_max=None)
    event_ids = {each["event_id"] for each in state.get("registrations", ())}
    return state | {"events": parties.occasions(session, event_ids) if event_ids else {}}


def _remembering(session: Session, to: Target, delivery: Delivery) -> Target:
    """A CRM is compared with what we last wrote there: what differs is another hand's."""
    assert delivery.body is not None
    there = delivery.subscription_id
    known = crm_events.remember(session, subscription_id=there, state=delivery.body, key=to.mark_key)
    memory = memories.prepare(
        session,
        subscription_id=there,
        party_id=delivery.party_id,
        state=delivery.body,
        key=to.mark_key,
    )
    return replace(to, memory=Memory({**memory.written, **known}, memory.kept))


def target(subscription: Subscription, settings: NotifySettings) -> Target:
    """The partner's address with its secret; only the demo may send to this machine itself."""
    secret = reveal(subscription.secret, settings.message_key)
    hosts = LOOPBACK if settings.demo else ()
    return Target(subscription.url, secret, hosts, mark_key=memories.key(settings))


def send(parcel: Parcel, *, at: datetime, hold: Hold) -> Arrived | Missed:
    """Hand over a parcel, with no transaction open: how it arrived, or why it was missed."""
    target = replace(parcel.target, hold=hold)
    try:
        return BY_KIND[parcel.connector].upsert_party(target, parcel.state, delivery_id=parcel.id, at=at)
    except Missed as missed:
        return missed
    except Exception as error:
        return unreadable(error)


def conclude(session: Session, parcel: Parcel, answer: Arrived | Missed, *, at: datetime) -> Delivery | None:
    """Write down how an attempt ended; None when another process has taken over since."""
    delivery = lock(session, Delivery, parcel.id)
    if delivery.status != "sending" or delivery.attempts != parcel.attempt:
        return None
    unkeyed = {"key_share": True}  # beside whoever adds a row that names the subscription
    subscription = session.get_one(
        Subscription, delivery.subscription_id, with_for_update=unkeyed, populate_existing=True
    )
    if isinstance(answer, BeingMade):
        delivery.put_off(error=answer.error, at=at)
        return delivery
    if isinstance(answer, Missed):
        subscription.missed(at=at)
        delivery.missed(
            code=answer.code,
            error=answer.error,
            retry_after_s=answer.retry_after_s,
            since=subscription.resumed_at,
            at=at,
        )
        return delivery
    subscription.answered()
    delivery.arrived(code=answer.code, at=at)
    if parcel.connector == CIVICRM:
        _learn(session, parcel, answer, at=at)
    session.flush()
    _cover(session, delivery, through=parcel.state["sequence"])
    return delivery


def _learn(session: Session, parcel: Parcel, answer: Arrived, *, at: datetime) -> None:
    """What is ours over there from now on, and what staff have to decide."""
    party = {"subscription_id": parcel.subscription_id, "party_id": parcel.party_id}
    key, clashes = parcel.target.mark_key, tuple(answer.clashes)
    crm_holds.release(session, subscription_id=parcel.subscription_id, delivery_id=parcel.id)
    memories.learn(session, **party, state=parcel.state, clashes=clashes, key=key)
    conflicts.found(session, **party, clashes=clashes, key=key, at=at)
    if parcel.state["merged_into"]:
        _tell_survivor(session, parcel, at=at)


def _tell_survivor(session: Session, parcel: Parcel, *, at: datetime) -> None:
    """After the last word about whoever was merged: an earlier one may have been under way beside the
    survivor's, and have taken contributions back."""
    changes.record(
        session,
        party_id=UUID(parcel.state["merged_into"]),
        message_id=uuid5(parcel.id, "survivor"),
        cause=PUT_ASIDE,
        occurred_at=at,
        at=at,
        correlation_id=parcel.correlation_id,
    )


def _cover(session: Session, delivery: Delivery, *, through: int) -> None:
    """Changes that the delivered state already includes need no delivery of their own."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.subscription_id == delivery.subscription_id,
            Delivery.party_id == delivery.party_id,
            Delivery.status == "queued",
            Delivery.body.is_(None),
            Delivery.position > delivery.position,
            Delivery.position <= through,
        )
        .values(status="covered", covered_by=delivery.id)
        .execution_options(synchronize_session=False)
    )


def retry(session: Session, delivery_id: UUID, *, at: datetime) -> Delivery:
    """Try again what was given up."""
    delivery = lock(session, Delivery, delivery_id)
    delivery.retry(at=at)
    return delivery
