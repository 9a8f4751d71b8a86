"""Rate limits: one statement on an unlogged table, shared by every process of a service.

Keys are hashed: an address or email never stands in the table.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, delete, func, literal, text
from sqlalchemy.orm import Session

from shared.errors import DomainError
from shared.schema import rate_limits

KEPT = timedelta(days=2)


class TooMany(DomainError):
    """Too many attempts; wait a little."""

    status = 429

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = max(1, round(retry_after_s))


@dataclass(frozen=True)
class Limit:
    """So many of `bucket` for `key` in a window of `per_s` seconds; this time `many` are asked for."""

    bucket: str
    key: str
    most: int
    per_s: int
    many: int = 1
    refusal: type[TooMany] = TooMany


def limit(where: Engine | Connection | Session, bucket: str, key: str, *, most: int, per_s: int) -> None:
    """Count one more of `bucket` for `key`; TooMany past `most` in a window of `per_s` seconds.

    With an Engine the count is committed at once, so that it stays when the caller's transaction rolls
    back: that is what guards sign-in and giving. With a Session it belongs to its transaction.
    """
    limits(where, [Limit(bucket, key, most, per_s)])


def limits(where: Engine | Connection | Session, each: list[Limit]) -> None:
    """Count what is asked of each, in this order and in one statement, as far as the first that has too many.

    What comes after it is not counted: who is refused by their network uses up nobody's address. A row is
    locked until the last is counted, so that all who share buckets name them in the same order.
    """
    values: dict[str, Any] = {}
    for number, one in enumerate(each):
        digest = hashlib.sha256(f"{one.bucket}\n{one.key}".encode("utf-8", "replace")).hexdigest()[:32]
        values |= {f"bucket{number}": one.bucket, f"key{number}": digest, f"most{number}": one.most}
        values[f"many{number}"] = one.many
        values[f"per{number}"] = timedelta(seconds=one.per_s)
    if isinstance(where, Engine):
        with where.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            counted = connection.execute(_count(len(each)), values).all()
    else:
        counted = where.execute(_count(len(each)), values).all()
    for one, (_, taken, left) in zip(each, sorted(counted), strict=False):
        if taken > one.most:
            raise one.refusal(left)


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


# Inserts with the arbiter pk_rate_limits; each scans what the one before returned, so that it comes after it.
_COUNT = """
    c{n} as (
      insert into rate_limits as known (bucket, key, window_started_at, taken)
      select :bucket{n}, :key{n}, clock_timestamp(), :many{n} {after}
      on conflict (bucket, key) do update set
        window_started_at = case when known.window_started_at + :per{n} <= excluded.window_started_at
                                 then excluded.window_started_at else known.window_started_at end,
        taken = case when known.window_started_at + :per{n} <= excluded.window_started_at
                     then :many{n} else known.taken + :many{n} end
      returning {n} as number, taken,
        cast(extract(epoch from window_started_at + :per{n} - clock_timestamp()) as float) as left_s
    )
"""


@lru_cache
def _count(many: int) -> TextClause:
    """The statement that counts so many limits: how many were taken, this included, and the seconds left."""
    after = ["", *(f"from c{n} where taken <= :most{n}" for n in range(many - 1))]
    parts = (_COUNT.format(n=n, after=each) for n, each in enumerate(after))
    counted = " union all ".join(f"select number, taken, left_s from c{n}" for n in range(many))
    return text(f"with {', '.join(parts)} {counted}")
