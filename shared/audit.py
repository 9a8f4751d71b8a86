"""The audit trail: who did what, when and why, in a chain that shows where it was touched.

A row holds ids, field names, the right used, a reason code and `sha256(salt‖detail)`, never a value. Salt and
detail stand beside it and go at an erasure, which leaves the chain whole. Each row's hash is an HMAC over it
and the hash before, with a key that the database does not hold: nobody can rebuild the chain with the
database alone. A cut tail shows against a signed head (`sign_head`), which the worker writes to the log every
hour: `python -m shared.audit services.directory [head …]` reads the chain and names the first bad row.
"""

import hmac
import json
import secrets
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.orm import Session

from shared import current, links
from shared.db import Database
from shared.schema import audit_details as details
from shared.schema import audit_entries as entries

BEGINNING = b"\0" * 32
HEAD = "audit-head"
_END = text("select number, hash from kit_trail_end()")
_LAST = select(entries.c.number, entries.c.hash).order_by(entries.c.number.desc()).limit(1)
_ENTRY, _DETAIL = entries.insert(), details.insert()


@dataclass(frozen=True)
class Verdict:
    """What `verify` found: `bad_number` is the first row that is not as it was written, None when all are."""

    rows: int
    bad_number: int | None = None
    why: str = ""
    erased: frozenset[UUID] = frozenset()


def record(
    session: Session,
    *,
    by: UUID | None,
    action: str,
    subject: tuple[str, Any],
    at: datetime,
    fields: Sequence[str] = (),
    right: str | None = None,
    reason: str | None = None,
    detail: Any = None,
    key: str | None = None,
    end: Row[Any] | None = None,
) -> int:
    """Add one row in the caller's transaction; its number.

    `subject` is a kind and an id; `fields` are names of what was read or changed; `detail` is anything that
    JSON can hold and stands beside the row. `key` is the settings' link_key outside a request.
    `end` is a row with number and hash of kit_trail_end(), when the caller has read it in this transaction.
    """
    end = end or session.execute(_END).one()
    values: dict[str, Any] = {
        "number": end.number + 1,
        "at": at.astimezone(UTC),
        "by": by,
        "action": action,
        "subject_kind": subject[0],
        "subject_id": str(subject[1]),
        "fields": list(fields),
        "right": right,
        "reason": reason,
        "detail_hash": None,
        "previous_hash": end.hash,
    }
    beside = None if detail is None else _beside(detail)
    if beside:
        values["detail_hash"] = _detail_hash(beside["salt"], beside["detail"])
    session.execute(_ENTRY, values | {"hash": _hash(values, _key(key))})
    if beside:
        session.execute(_DETAIL, {"number": values["number"], **beside})
    return int(values["number"])


def erase(session: Session, *, subject: tuple[str, Any], request_id: UUID) -> int:
    """Take away salt and detail of every row about `subject`, under the erasure `request_id`; how many."""
    about = select(entries.c.number).where(
        entries.c.subject_kind == subject[0], entries.c.subject_id == str(subject[1])
    )
    gone = update(details).where(details.c.number.in_(about), details.c.salt.is_not(None))
    gone = gone.values(salt=None, detail=None, erased_under=request_id).returning(details.c.number)
    return len(session.execute(gone).all())


def sign_head(session: Session, *, at: datetime, key: str | None = None) -> str:
    """The chain's present end, sealed: kept in the log, it shows later that rows after it were cut."""
    last = session.execute(_LAST).first()
    head = [last.number, last.hash.hex()] if last else [0, BEGINNING.hex()]
    return links.sign_content(HEAD, json.dumps([*head, at.isoformat()]).encode(), key=key)


def verify(session: Session, *, heads: Iterable[str] = (), key: str | None = None) -> Verdict:
    """Read the whole chain and name the first bad row; `heads` are sealed heads from the log."""
    secret, rows, previous = _key(key), 0, BEGINNING
    erased: set[UUID] = set()
    expected_heads = dict(_opened(head, key) for head in heads)
    for row in session.execute(_CHAIN.execution_options(yield_per=1000)):
        rows += 1
        if why := _fault(row, rows, previous, secret):
            return Verdict(rows, rows if row.number > rows else row.number, why, frozenset(erased))
        if expected_heads.get(rows, row.hash) != row.hash:
            return Verdict(rows, rows, "differs from a signed head")
        if row.erased_under is not None:
            erased.add(row.erased_under)
        previous = row.hash
    if expected_heads and max(expected_heads) > rows:
        return Verdict(rows, rows + 1, "rows after this one were cut", frozenset(erased))
    return Verdict(rows, erased=frozenset(erased))


_CHAIN = (
    select(
        entries, details.c.salt, details.c.detail, details.c.erased_under, details.c.number.label("beside")
    )
    .outerjoin(details, details.c.number == entries.c.number)
    .order_by(entries.c.number)
)


def _fault(row: Row[Any], expected_number: int, previous: bytes, secret: bytes) -> str:
    """Why this row is not as it was written, or ""."""
    if row.number != expected_number:
        return "a row is missing"
    if row.previous_hash != previous:
        return "does not follow the row before"
    if not hmac.compare_digest(_hash(row._mapping, secret), row.hash):
        return "was changed"
    if row.detail_hash is None or row.erased_under is not None:
        return ""
    if row.salt is None or _detail_hash(row.salt, row.detail or "") != row.detail_hash:
        return "its detail was changed"
    return ""


def _beside(detail: Any) -> dict[str, Any]:
    return {"salt": secrets.token_bytes(16), "detail": json.dumps(detail, sort_keys=True, default=str)}


def _detail_hash(salt: bytes, detail: str) -> bytes:
    return sha256(salt + detail.encode()).digest()


def _hash(values: Any, secret: bytes) -> bytes:
    parts = [
        values["number"],
        values["at"].astimezone(UTC).isoformat(),
        str(values["by"]),
        values["action"],
        values["subject_kind"],
        values["subject_id"],
        list(values["fields"]),
        values["right"],
        values["reason"],
        (values["detail_hash"] or b"").hex(),
        values["previous_hash"].hex(),
    ]
    return hmac.digest(secret, json.dumps(parts, ensure_ascii=False).encode(), sha256)


def _key(key: str | None) -> bytes:
    secret = current.settings().link_key if key is None else key
    return hmac.digest(secret.encode(), b"audit", sha256)


def _opened(head: str, key: str | None) -> tuple[int, bytes]:
    content = links.verify_content(HEAD, head, key=key)
    if content is None:
        raise ValueError("a head that was not signed here")
    number, digest, _ = json.loads(content)
    return int(number), bytes.fromhex(digest)


def main(package: str, heads: Sequence[str]) -> int:
    """Verify the audit trail of a service, in words; 1 when a row is not as it was written."""
    from importlib import import_module

    from shared.worker import settings_of

    settings = settings_of(package)
    database: Database = import_module(f"{package}.models").database
    database.connect(settings.database_url, pool_size=1)
    with database.transaction() as session:
        verdict = verify(session, heads=heads, key=settings.link_key)
    print(in_words(verdict))
    return 0 if verdict.bad_number is None else 1


def in_words(verdict: Verdict) -> str:
    """What an auditor reads."""
    if verdict.bad_number is not None:
        return f"row {verdict.bad_number}: {verdict.why}"
    under = ", ".join(map(str, sorted(verdict.erased)))
    return f"{verdict.rows} rows, all as they were written" + (
        f"; details erased under {under}" if under else ""
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
