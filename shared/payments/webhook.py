"""The door of the provider's webhooks: raw bytes in, a verified event out, anything else is a 400."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared.bodies import can_be_stored, strict_json
from shared.errors import DomainError

BYTES_MAX = 256 * 1024
TOLERANCE_S = 300
LATEST = 253402300799
"""The last second of the year 9999, in seconds since 1970: no later moment can be kept."""

SIGNATURE = re.compile(r"t=(?P<at>[0-9]{1,12})(?:,[a-z0-9]{1,16}=[0-9A-Za-z_-]{1,256}){1,16}")


class BadWebhook(DomainError):
    """This is not a message that the payment provider sent to this address just now."""

    status = 400
    reason = ""


def verify(
    raw: bytes,
    signature_header: str | None,
    secrets: Iterable[str],
    tolerance_s: int = TOLERANCE_S,
    *,
    now: datetime,
    livemode: bool | None = None,
) -> dict[str, Any]:
    """The event in `raw`, when one of `secrets` signed these very bytes within `tolerance_s` of `now`.

    `livemode` is what the event must say of itself; None accepts both. Every failure, foreseen or
    not, is a BadWebhook, which never says which check failed to who calls (`reason` is for the log).
    """
    try:
        return _verified(raw, signature_header, tuple(secrets), tolerance_s, now, livemode)
    except BadWebhook:
        raise
    except Exception as error:
        raise _bad(type(error).__name__) from None


def _verified(
    raw: bytes,
    header: str | None,
    secrets: tuple[str, ...],
    tolerance_s: int,
    now: datetime,
    live: bool | None,
) -> dict[str, Any]:
    if len(raw) > BYTES_MAX:
        raise _bad("too large")
    found = SIGNATURE.fullmatch(header or "")
    if found is None:
        raise _bad("malformed signature")
    if abs(now.timestamp() - int(found["at"])) > tolerance_s:
        raise _bad("outside tolerance")
    text = raw.decode("utf-8")
    if not any(_signed(text, header, secret) for secret in secrets):
        raise _bad("wrong signature")
    event = _parsed(text)
    _check_shape(event, live)
    return event


def _signed(text: str, header: str | None, secret: str) -> bool:
    from stripe import SignatureVerificationError, WebhookSignature

    try:
        # The tolerance was checked by us, both ways: the library accepts times to come, and 0 disables it.
        return bool(WebhookSignature.verify_header(text, header, secret, None))
    except SignatureVerificationError:
        return False


def _parsed(text: str) -> dict[str, Any]:
    """The JSON object in `text`: strict, and without the escapes that PostgreSQL cannot keep."""
    parsed = strict_json(text)
    if not isinstance(parsed, dict):
        raise _bad("not an object")
    if "\\u" in text and not can_be_stored(parsed):
        raise _bad("cannot be stored")
    return parsed


def _check_shape(event: dict[str, Any], live: bool | None) -> None:
    """What every handler may rely on: id, type, created, livemode and data.object are there."""
    if event.get("object") != "event":
        raise _bad("not an event")
    if not all(isinstance(event.get(name), str) and 0 < len(event[name]) <= 255 for name in ("id", "type")):
        raise _bad("no id or type")
    if type(event.get("created")) is not int or type(event.get("livemode")) is not bool:
        raise _bad("no created or livemode")
    if not 0 <= event["created"] <= LATEST:
        raise _bad("impossible created")
    if not isinstance(event.get("data"), dict) or not isinstance(event["data"].get("object"), dict):
        raise _bad("no object")
    if live is not None and event["livemode"] is not live:
        raise _bad("other mode")


def _bad(reason: str) -> BadWebhook:
    error = BadWebhook()
    error.reason = reason
    return error
