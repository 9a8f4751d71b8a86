"""The accounts that exist at the sandbox's provider, and where each wants its webhooks."""

import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from shared.payments import accounts

WANTED = (
    "checkout.session.*",
    "payment_intent.payment_failed",
    "charge.updated",
    "charge.refunded",
    "refund.updated",
    "refund.failed",
    "customer.subscription.*",
    "invoice.paid",
    "invoice.payment_failed",
    "charge.dispute.*",
    "payout.*",
)


@dataclass(frozen=True, kw_only=True)
class Merchant:
    """One account at the provider; `events` are the patterns of the types its webhook is told."""

    account: str
    name: str
    api_key: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    webhook_url: str | None = None
    events: tuple[str, ...] = WANTED

    def wants(self, type: str) -> bool:
        return self.webhook_url is not None and any(fnmatchcase(type, each) for each in self.events)


def load(path: str) -> list[Merchant]:
    """Read SANDBOX_ACCOUNTS_FILE; beside our own fields, `webhook_url`, `webhook_events` and `name`."""
    return [read(entry) for entry in json.loads(Path(path).read_text(encoding="utf-8"))] if path else []


def read(entry: dict[str, Any]) -> Merchant:
    ours = {name: value for name, value in entry.items() if name in accounts.KNOWN}
    account = accounts.checked(ours, demo=True)
    return Merchant(
        account=account.account,
        name=entry.get("name") or account.entity,
        api_key=account.api_key,
        secrets=account.webhook_secrets,
        webhook_url=entry.get("webhook_url"),
        events=tuple(entry.get("webhook_events") or WANTED),
    )
