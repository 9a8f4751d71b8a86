"""Rate limits: one UPSERT on an unlogged table, shared by every process of a service.

Keys are hashed: an address or email never stands in the table.
"""

import hashlib
import ipaddress
from datetime import timedelta

from sqlalchemy import Connection, Engine, delete, func, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql import case

from shared.errors import DomainError
from shared.schema import rate_limits

KEPT = timedelta(days=2)


class TooMany(DomainError):
    """Too many attempts; wait a little."""

    status = 429

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = max(1, round(retry_after_s))


def limit(where: Engine | Session, bucket: str, key: str, *, most: int, per_s: int) -> None:
    """Count one more of `bucket` for `key`; TooMany past `most` in a window of `per_s` seconds.

    With an Engine the count is committed at once, so that it stays when the caller's transaction rolls
    back: that is what guards sign-in and giving. With a Session it belongs to its transaction.
    """
    if isinstance(where, Engine):
        with where.begin() as connection:
            taken, left = _take(connection, bucket, key, per_s)
    else:
        taken, left = _take(where, bucket, key, per_s)
    if taken > most:
        raise TooMany(left)


def network(address: str) -> str:
    """What stands for the caller of this IP address in a key: an IPv4 address itself, an IPv6 one's /64.

    One household or server holds a whole /64 (RFC 6177), so each address in it would begin to count anew.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))


def forget(session: Session) -> int:
    """Delete windows that ended long ago; how many (a scheduled job calls it)."""
    old = rate_limits.c.window_started_at < func.now() - literal(KEPT)
    return len(session.execute(delete(rate_limits).where(old).returning(rate_limits.c.bucket)).all())


def _take(where: Connection | Session, bucket: str, key: str, per_s: int) -> tuple[int, float]:
    """How many were taken in this window, this one included, and the seconds until it ends."""
    digest = hashlib.sha256(f"{bucket}\n{key}".encode("utf-8", "replace")).hexdigest()[:32]
    now, window = func.clock_timestamp(), literal(timedelta(seconds=per_s))
    ended = rate_limits.c.window_started_at + window <= now
    statement = insert(rate_limits).values(bucket=bucket, key=digest, window_started_at=now, taken=1)
    statement = statement.on_conflict_do_update(
        index_elements=["bucket", "key"],
        set_={
            "window_started_at": case((ended, now), else_=rate_limits.c.window_started_at),
            "taken": case((ended, 1), else_=rate_limits.c.taken + 1),
        },
    )
    left = func.extract("epoch", rate_limits.c.window_started_at + window - now)
    row = where.execute(statement.returning(rate_limits.c.taken, left)).one()
    return int(row[0]), float(row[1])
