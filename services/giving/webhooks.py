"""What the payment provider posts: one address per account, verified on the raw bytes."""

from typing import Any

from flask import request
from marshmallow import Schema, fields

from services.giving import provider_events
from services.giving.models import Transaction
from services.giving.settings import AccountUnknown, current
from services.giving.told_events import Told
from shared import telemetry
from shared.clock import now
from shared.http import Blueprint
from shared.payments import webhook
from shared.telemetry import log

routes = Blueprint("webhooks", __name__, url_prefix="/webhooks/stripe/giving")


class Received(Schema):
    """We have it; it need not be sent again."""

    received = fields.Boolean(required=True)


@routes.post(
    "/<account>",
    allow="provider",
    body_max=webhook.BYTES_MAX,
    refuses=(
        AccountUnknown,
        webhook.BadWebhook,
    ),
)
@routes.response(200, Received)
def receive(account: str) -> Any:
    """Take an event, once, with its effect in the same transaction."""
    known = current().account(account)
    received_at = now()
    raw = request.get_data(cache=False)
    try:
        event = webhook.verify(
            raw,
            request.headers.get("Stripe-Signature"),
            known.webhook_secrets,
            now=received_at,
            livemode=known.is_live,
        )
    except webhook.BadWebhook as refusal:
        log.warning("webhook refused", account=account, reason=refusal.reason)
        raise
    told = Told.heard(event, account=account, at=now())
    with Transaction() as session:
        outcome = provider_events.take(session, told, body=raw.decode(), received_at=received_at)
        gift = provider_events.gift_of(session, told)
    if gift is not None:
        telemetry.concerns(gift)
    log.info("webhook taken", account=account, event_id=told.id, type=told.type, outcome=outcome)
    return {"received": True}
