"""How the sandbox is told to misbehave. All are off at first; they are kept with the rest of its state."""

import json
import sqlite3
from dataclasses import asdict, dataclass, fields
from typing import Any


class SwitchUnknown(ValueError):
    """There is no such switch, or it does not take this value."""


@dataclass(frozen=True)
class Switches:
    """Percentages are 0–100; a `next` counter acts on that many calls, then is off again.

    Webhooks: dropped ones stay in the events list; the spread delays each by a random part of it, which
    changes their order; paused ones wait. API: a failing call does nothing; a late one does its work,
    commits, and answers only after `api_late_s`, when its caller has left. CRM: limited, failing, html and
    error (200 with an error inside) do nothing; late does its work; swap answers with somebody else's id.
    """

    webhook_drop_percent: float = 0
    webhook_duplicate_percent: float = 0
    webhook_duplicate_copies: int = 1
    webhook_delay_s: float = 0
    webhook_spread_s: float = 0
    webhook_paused: bool = False
    api_fail_percent: float = 0
    api_fail_next: int = 0
    api_fail_status: int = 500
    api_late_percent: float = 0
    api_late_next: int = 0
    api_late_s: float = 30
    receiver_fail_percent: float = 0
    receiver_fail_next: int = 0
    receiver_fail_status: int = 500
    receiver_late_percent: float = 0
    receiver_late_next: int = 0
    receiver_late_s: float = 30
    crm_limit_percent: float = 0
    crm_limit_next: int = 0
    crm_fail_percent: float = 0
    crm_fail_next: int = 0
    crm_html_percent: float = 0
    crm_html_next: int = 0
    crm_error_percent: float = 0
    crm_error_next: int = 0
    crm_late_percent: float = 0
    crm_late_next: int = 0
    crm_swap_percent: float = 0
    crm_swap_next: int = 0
    crm_late_s: float = 30
    crm_slow_s: float = 0
    crm_seed: int = 1
    crm_off: bool = False
    crm_errors_hidden: bool = False


KINDS: dict[str, Any] = {each.name: each.type for each in fields(Switches)}
LIMITS = {
    "percent": (0, 100),
    "status": (400, 599),
    "copies": (1, 20),
    "s": (0, 3600),
    "next": (0, 1_000_000),
    "seed": (0, 1_000_000),
}


def read(db: sqlite3.Connection) -> Switches:
    rows = db.execute("SELECT name, value FROM switches")
    return Switches(**{row["name"]: json.loads(row["value"]) for row in rows if row["name"] in KINDS})


def turn(db: sqlite3.Connection, wish: dict[str, Any]) -> Switches:
    """Set the named switches and leave the others."""
    checked = {name: _checked(name, value) for name, value in wish.items()}
    db.executemany(
        "INSERT INTO switches VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [(name, json.dumps(value)) for name, value in checked.items()],
    )
    return read(db)


def reset(db: sqlite3.Connection) -> Switches:
    db.execute("DELETE FROM switches")
    return Switches()


def take(db: sqlite3.Connection, name: str) -> bool:
    """Whether the counter `name` still acts; counts down."""
    left = asdict(read(db))[name]
    if left > 0:
        turn(db, {name: left - 1})
    return left > 0


def _checked(name: str, value: Any) -> Any:
    kind = KINDS.get(name)
    if kind is None:
        raise SwitchUnknown(f"There is no switch {name}.")
    if kind is bool:
        if not isinstance(value, bool):
            raise SwitchUnknown(f"{name} is true or false.")
        return value
    low, high = LIMITS[name.rsplit("_", 1)[1]]
    numbers = int if kind is int else int | float
    if not isinstance(value, numbers) or isinstance(value, bool) or not low <= value <= high:
        raise SwitchUnknown(f"{name} is a number from {low} to {high}.")
    return value
