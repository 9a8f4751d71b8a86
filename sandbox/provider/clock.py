"""The provider's clock: this machine's, plus the days that somebody let pass."""

import sqlite3
import time


def now(db: sqlite3.Connection) -> float:
    """Seconds since 1970, as the provider has them."""
    return time.time() + ahead(db)


def ahead(db: sqlite3.Connection) -> float:
    """How far the provider is ahead of this machine, in seconds."""
    row = db.execute("SELECT coalesce(sum(seconds), 0) AS seconds FROM passed").fetchone()
    return float(row["seconds"])


def let_pass(db: sqlite3.Connection, seconds: float) -> None:
    """Time passes at the provider; it never goes back."""
    db.execute("INSERT INTO passed (seconds) VALUES (?)", (seconds,))
