"""Connectors: how the state of a party reaches a system of somebody else.

A connector is a module with one function, `upsert_party`, which says the whole present state under our id
and may be called again with the same delivery: the other side must end as if it had been called once.
Another system with an API of its own is another module here and a line in `BY_KIND`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.notify.connectors import civicrm, webhooks
from services.notify.connectors.target import (
    Arrived,
    BeingMade,
    Clash,
    Hold,
    Memory,
    Missed,
    Target,
    unreadable,
)
from services.notify.models import CIVICRM, WEBHOOKS

__all__ = [
    "BY_KIND",
    "Arrived",
    "BeingMade",
    "Clash",
    "Connector",
    "Hold",
    "Memory",
    "Missed",
    "Target",
    "unreadable",
]


class Connector(Protocol):
    """What the pusher of deliveries asks of a connector."""

    def upsert_party(
        self, target: Target, state: Mapping[str, Any], *, delivery_id: UUID, at: datetime
    ) -> Arrived:
        """Make the party over there what `state` says; how it arrived, or Missed."""
        ...


BY_KIND: dict[str, Connector] = {WEBHOOKS: webhooks, CIVICRM: civicrm}
