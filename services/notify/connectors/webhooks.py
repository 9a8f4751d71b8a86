"""Signed webhooks by the Standard Webhooks specification (standardwebhooks.com), version 1."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from services.notify.connectors.patience import retry_after_s
from services.notify.connectors.target import Arrived, Missed, Target
from services.notify.models import CHANGED, ERASED
from shared import outbound

TIMEOUT_S = 10
ANSWER_MAX = 64 * 1024


def upsert_party(target: Target, state: Mapping[str, Any], *, delivery_id: UUID, at: datetime) -> Arrived:
    """Post the state; a repeat carries the same `webhook-id` and body, and a signature of its own time."""
    body = words(state)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": f"msg_{delivery_id.hex}",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(target.secret).sign(f"msg_{delivery_id.hex}", at, body),
    }
    try:
        answer = outbound.send(
            "POST",
            target.url,
            body=body.encode(),
            headers=headers,
            timeout_s=TIMEOUT_S,
            size_max=ANSWER_MAX,
            allowed_hosts=target.allowed_hosts,
        )
    except outbound.AddressRefused:
        raise Missed("AddressRefused") from None
    except outbound.NotSent as error:
        raise Missed(error.why) from None
    if not 200 <= answer.status < 300:
        raise Missed(f"answered {answer.status}", code=answer.status, retry_after_s=retry_after_s(answer))
    return Arrived(answer.status)


def words(state: Mapping[str, Any]) -> str:
    """The body: type, time of the state, and the state."""
    kind = ERASED if state["erased"] else CHANGED
    data = {name: value for name, value in state.items() if name != "as_of"}
    whole = {"type": kind, "timestamp": state["as_of"], "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
