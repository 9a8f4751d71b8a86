"""Subscriptions: partners' addresses that hear of who gave or registered, by webhook or as a CiviCRM."""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.notify import crm_connections
from services.notify.crm_connections import CHECK_REFUSALS, CrmAlreadyConnected
from services.notify.deliveries import LOOPBACK
from services.notify.models import CHANGED, CIVICRM, ERASED, WEBHOOKS, Subscription, Transaction
from services.notify.settings import NotifySettings, current
from shared import audit, outbound
from shared.auth import caller
from shared.clock import now
from shared.db import lock
from shared.errors import Conflict, NotFound, Refused
from shared.http import Blueprint, IdempotencyKey
from shared.messages import reveal, seal
from shared.once import once
from shared.outbound import AddressRefused
from shared.pages import PageQuery, page, paged

routes = Blueprint("subscriptions", __name__, url_prefix="/api/v1/notify/subscriptions")
RIGHT = "integrations.manage"


class AddressNeedsTls(Refused):
    """A partner's address starts with https://: what is sent there is personal."""


class CrmAddressFixed(Conflict):
    """The address of a CRM stays: what is known of its records would be wrong of another's. Connect anew."""


def _types(**options: Any) -> fields.List:
    one = fields.String(validate=validate.OneOf([CHANGED, ERASED]))
    return fields.List(one, validate=validate.Length(1, 10), **options)


def _url(**options: Any) -> fields.String:
    return fields.String(validate=validate.Length(8, 2000), **options)


class SubscriptionWish(Schema):
    """Where to send, and what."""

    url = _url(required=True)
    types = _types(load_default=lambda: [CHANGED, ERASED])
    connector = fields.String(load_default=WEBHOOKS, validate=validate.OneOf([WEBHOOKS, CIVICRM]))
    api_key = fields.String(
        validate=[validate.Length(8, 500), validate.Regexp(r"[!-~]+\Z", error="Not visible ASCII.")],
        metadata={"description": "of a user of the CRM; asked for, and taken, for `civicrm` alone"},
    )

    @validates_schema
    def _has_its_key(self, data, **_):
        if (data["connector"] == CIVICRM) != ("api_key" in data):
            raise ValidationError("A CiviCRM needs its API key, and it alone.", "api_key")


class SubscriptionChange(Schema):
    """What to change; what is absent stays."""

    url = _url()
    types = _types()
    active = fields.Boolean(truthy={True}, falsy={False})


class SubscriptionShown(Schema):
    """A subscription; `rests_until` when its address has not answered lately."""

    id = fields.UUID()
    url = fields.String()
    connector = fields.String(validate=validate.OneOf([WEBHOOKS, CIVICRM]))
    types = fields.List(fields.String())
    active = fields.Boolean()
    created_at = fields.AwareDateTime()
    rests_until = fields.AwareDateTime(allow_none=True)


class SubscriptionMade(SubscriptionShown):
    """A new subscription with its signing secret, which no other answer shows; a CiviCRM has none."""

    secret = fields.String(
        allow_none=True, metadata={"description": "whsec_…, for any Standard Webhooks library"}
    )


@routes.get("", allow=RIGHT)
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(SubscriptionShown))
def index(query):
    """All subscriptions."""
    with Transaction() as session:
        living = select(Subscription).where(Subscription.deleted_at.is_(None))
        return page(session, living, keys=[Subscription.id.desc()], **query)


@routes.post("", allow=RIGHT, refuses=(AddressNeedsTls, AddressRefused, CrmAlreadyConnected, *CHECK_REFUSALS))
@routes.arguments(SubscriptionWish)
@routes.arguments(IdempotencyKey, location="headers")
@routes.response(201, SubscriptionMade)
def create(wish, header):
    """Subscribe an address; the answer holds the secret that deliveries will be signed with.

    A CiviCRM is asked first whether it takes the key and has all that is needed.
    """
    settings, at = current(), now()
    check(wish["url"], settings)
    api_key = wish.pop("api_key", "")
    if wish["connector"] == CIVICRM:
        crm_connections.check(wish["url"], api_key, settings)
    values = _values(**wish, at=at, settings=settings, secret=api_key)
    with Transaction() as session:
        if wish["connector"] == CIVICRM:
            crm_connections.check_new(session, wish["url"], key=header["key"])
        subscription = once(session, Subscription, header["key"], values=values, claim_s=0, **wish)
        if not subscription.repeated:
            _audit(session, "subscription.made", subscription.id, at=at, changed=wish)
        return made(subscription, settings)


@routes.get("/<uuid:subscription_id>", allow=RIGHT)
@routes.response(200, SubscriptionShown)
def show(subscription_id):
    """One subscription."""
    with Transaction() as session:
        return _living(session, subscription_id)


@routes.patch(
    "/<uuid:subscription_id>", allow=RIGHT, refuses=(AddressNeedsTls, AddressRefused, CrmAddressFixed)
)
@routes.arguments(SubscriptionChange)
@routes.response(200, SubscriptionShown)
def change(wish, subscription_id):
    """Change the address or the types, pause, go on."""
    if "url" in wish:
        check(wish["url"], current())
    at = now()
    with Transaction() as session:
        subscription = _living(session, subscription_id)
        if "url" in wish and subscription.connector == CIVICRM:
            raise CrmAddressFixed
        if wish.get("active") and not subscription.active:
            subscription.resume(at=at)
        for name, value in wish.items():
            setattr(subscription, name, value)
        subscription.answered()
        _audit(session, "subscription.changed", subscription_id, at=at, changed=wish)
        return subscription


@routes.post("/<uuid:subscription_id>/preparations", allow=RIGHT, refuses=CHECK_REFUSALS)
@routes.response(204)
def create_preparation(subscription_id):
    """Ask a CiviCRM again whether it takes the key and has all that is needed."""
    with Transaction() as session:
        subscription = _living(session, subscription_id)
        if subscription.connector != CIVICRM:
            raise NotFound
        settings = current()
        url, api_key = subscription.url, reveal(subscription.secret, settings.message_key)
    crm_connections.check(url, api_key, settings)


@routes.delete("/<uuid:subscription_id>", allow=RIGHT)
@routes.response(204)
def delete(subscription_id):
    """End a subscription: nothing more is sent, what waits included; the log stays."""
    at = now()
    with Transaction() as session:
        subscription = _living(session, subscription_id)
        subscription.deleted_at, subscription.active = at, False
        _audit(session, "subscription.ended", subscription_id, at=at, changed={})


def check(url: str, settings: NotifySettings) -> None:
    """AddressRefused for what is not public, AddressNeedsTls for plain http; the demo may use itself."""
    outbound.check_address(url, allowed_hosts=LOOPBACK if settings.demo else ())
    if not url.startswith("https://") and not settings.demo:
        raise AddressNeedsTls


def subscribe(
    session: Session,
    *,
    url: str,
    types: list[str],
    at: datetime,
    settings: NotifySettings,
    secret: str = "",
    connector: str = WEBHOOKS,
) -> tuple[Subscription, str]:
    """A new subscription, and its secret in clear."""
    subscription = Subscription(
        **_values(url=url, types=types, at=at, settings=settings, secret=secret, connector=connector)
    )
    session.add(subscription)
    session.flush()
    return subscription, reveal(subscription.secret, settings.message_key)


def _values(
    *,
    url: str,
    types: list[str],
    at: datetime,
    settings: NotifySettings,
    secret: str = "",
    connector: str = WEBHOOKS,
) -> dict[str, Any]:
    """What a new subscription begins with; its secret has 256 bits and is stored sealed."""
    secret = secret or "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "url": url,
        "types": sorted(set(types)),
        "secret": seal(secret, settings.message_key),
        "connector": connector,
        "active": True,
        "created_at": at,
        "misses_in_a_row": 0,
    }


def made(subscription: Subscription, settings: NotifySettings) -> dict[str, Any]:
    """What whoever made a subscription is told, as often as they repeat the wish; NotFound once it ended."""
    if subscription.deleted_at is not None:
        raise NotFound
    shown = {name: getattr(subscription, name) for name in SubscriptionShown._declared_fields}
    theirs = subscription.connector == CIVICRM
    return {**shown, "secret": None if theirs else reveal(subscription.secret, settings.message_key)}


def _living(session: Session, subscription_id: UUID) -> Subscription:
    subscription = lock(session, Subscription, subscription_id)
    if subscription.deleted_at is not None:
        raise NotFound
    return subscription


def _audit(
    session: Session, action: str, subscription_id: UUID, *, at: datetime, changed: Mapping[str, Any]
) -> None:
    audit.record(
        session,
        by=caller().person_id,
        action=action,
        subject=("subscription", subscription_id),
        at=at,
        fields=sorted(changed),
        right=RIGHT,
    )
