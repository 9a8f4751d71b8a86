"""The chain of receipts: what an entity issued and voided, each fact sealed with the one before.

A hash is an HMAC with a key that the database does not hold, over all that a receipt or a void says, so that
nobody can rebuild the chain with the database alone; whom a receipt is made out to counts by its salted hash.
A cut tail shows against a signed head, which the worker writes to the log every hour.

    python -m services.giving.receipt_chain [head …]

reads every chain and names the first break of each.
"""

import hmac
import json
import secrets
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from services.giving.models import (
    Receipt,
    ReceiptAddressee,
    ReceiptChainLink,
    ReceiptLine,
    ReceiptVoid,
    Transaction,
    database,
)
from services.giving.settings import current, load
from shared import links

BEGINNING = b"\0" * 32
HEAD = "receipts-head"
ISSUED, VOIDED = "issued", "voided"


@dataclass(frozen=True)
class Break:
    """The first place of a chain that is not as it was written."""

    entity_id: UUID
    position: int
    why: str
    receipt: str = ""

    def __str__(self) -> str:
        named = f" (receipt {self.receipt})" if self.receipt else ""
        return f"entity {self.entity_id}, position {self.position}{named}: {self.why}"


def seal(
    session: Session,
    receipt: Receipt,
    *,
    lines: Iterable[ReceiptLine] = (),
    addressee: ReceiptAddressee | None = None,
    void: ReceiptVoid | None = None,
) -> ReceiptChainLink:
    """Add what was just issued or voided to its entity's chain; the caller holds the entity's lock."""
    ends = select(ReceiptChainLink).where(ReceiptChainLink.entity_id == receipt.entity_id)
    end = session.execute(ends.order_by(ReceiptChainLink.position.desc()).limit(1)).scalar_one_or_none()
    link = ReceiptChainLink(
        entity_id=receipt.entity_id,
        position=end.position + 1 if end else 1,
        receipt_id=receipt.id,
        fact=VOIDED if void else ISSUED,
        previous_hash=end.hash if end else BEGINNING,
    )
    link.hash = _hash(link, void or _issued(receipt, lines, addressee))
    session.add(link)
    return link


def addressee(receipt_id: UUID, to: dict[str, Any]) -> ReceiptAddressee:
    """Whom a receipt is made out to, with the salt of its hash."""
    return ReceiptAddressee(receipt_id=receipt_id, salt=secrets.token_bytes(16), detail=to)


def sign_heads(session: Session, *, at: datetime) -> list[str]:
    """The present end of every chain, sealed: kept in the log, it shows later that the tail was cut."""
    chain = ReceiptChainLink
    ends = select(chain).ext(distinct_on(chain.entity_id)).order_by(chain.entity_id, chain.position.desc())
    return [
        links.sign_content(
            HEAD,
            json.dumps([str(each.entity_id), each.position, each.hash.hex(), at.isoformat()]).encode(),
            key=current().link_key,
        )
        for each in session.execute(ends).scalars()
    ]


def verify(session: Session, *, heads: Iterable[str] = ()) -> list[Break]:
    """The first break of each entity's chain."""
    signed = [_opened(head) for head in heads]
    entities = set(session.execute(select(Receipt.entity_id).distinct()).scalars())
    entities |= {entity_id for entity_id, *_ in signed}
    entities |= set(session.execute(select(ReceiptChainLink.entity_id).distinct()).scalars())
    found = (
        _first_break(session, each, {position: hash for of, position, hash in signed if of == each})
        for each in sorted(entities)
    )
    return [each for each in found if each]


def _first_break(session: Session, entity_id: UUID, heads: dict[int, bytes]) -> Break | None:
    position, previous, numbers = 0, BEGINNING, dict[tuple[str, int], int]()
    for link, said, receipt in _told(session, entity_id):
        position += 1
        if link.position != position:
            return Break(entity_id, position, "a fact is missing")
        named = receipt.order_number if receipt else ""
        if link.previous_hash != previous:
            return Break(entity_id, position, "does not follow the fact before", named)
        if said is None or not hmac.compare_digest(_hash(link, said), link.hash):
            return Break(entity_id, position, "was changed", named)
        if heads.get(position, link.hash) != link.hash:
            return Break(entity_id, position, "differs from a signed head", named)
        if link.fact == ISSUED and receipt:
            series = (receipt.series, receipt.year)
            numbers[series] = numbers.get(series, 0) + 1
            if receipt.number != numbers[series]:
                return Break(entity_id, position, "its number does not follow", named)
        previous = link.hash
    if heads and max(heads) > position:
        return Break(entity_id, position + 1, "facts from here on were cut")
    return _outside(session, entity_id, position)


def _outside(session: Session, entity_id: UUID, position: int) -> Break | None:
    """A receipt or a void that no fact of the chain tells of."""
    chain = ReceiptChainLink
    for model, fact in ((Receipt, ISSUED), (ReceiptVoid, VOIDED)):
        own = Receipt.id if model is Receipt else ReceiptVoid.receipt_id
        sealed = select(chain.receipt_id).where(chain.receipt_id == own, chain.fact == fact)
        stray = select(Receipt).where(Receipt.entity_id == entity_id, ~sealed.exists())
        if model is ReceiptVoid:
            stray = stray.join(ReceiptVoid, ReceiptVoid.receipt_id == Receipt.id)
        if receipt := session.execute(stray.limit(1)).scalar_one_or_none():
            return Break(entity_id, position + 1, f"{fact} outside the chain", receipt.order_number)
    return None


Said = list[Any] | ReceiptVoid


def _told(
    session: Session, entity_id: UUID
) -> Iterator[tuple[ReceiptChainLink, Said | None, Receipt | None]]:
    """Each fact with what it is about, a thousand at a time."""
    after = -1
    while True:
        some = select(ReceiptChainLink).where(
            ReceiptChainLink.entity_id == entity_id, ReceiptChainLink.position > after
        )
        facts = session.execute(some.order_by(ReceiptChainLink.position).limit(1000)).scalars().all()
        if not facts:
            return
        ids = {each.receipt_id for each in facts}
        receipts = _by_id(session, Receipt, Receipt.id, ids)
        addressees = _by_id(session, ReceiptAddressee, ReceiptAddressee.receipt_id, ids)
        voids = _by_id(session, ReceiptVoid, ReceiptVoid.receipt_id, ids)
        lines: dict[UUID, list[ReceiptLine]] = {}
        for line in session.execute(select(ReceiptLine).where(ReceiptLine.receipt_id.in_(ids))).scalars():
            lines.setdefault(line.receipt_id, []).append(line)
        for link in facts:
            receipt, of = receipts.get(link.receipt_id), link.receipt_id
            said = (
                voids.get(of)
                if link.fact == VOIDED
                else receipt and _issued(receipt, lines.get(of, []), addressees.get(of))
            )
            yield link, said, receipt
        after = facts[-1].position
        session.expunge_all()


def _by_id(session: Session, model: Any, column: Any, ids: set[UUID]) -> dict[UUID, Any]:
    found = session.execute(select(model, column).where(column.in_(ids)))
    return {id: row for row, id in found}


def _issued(receipt: Receipt, lines: Iterable[ReceiptLine], to: ReceiptAddressee | None) -> list[Any]:
    """All that a receipt says, whom it is made out to by its hash."""
    columns = [getattr(receipt, column.key) for column in Receipt.__table__.columns]
    covered = sorted(
        [str(each.donation_id), each.turn, each.amount_minor, each.paid_on.isoformat(), each.means]
        for each in lines
    )
    who = sha256(to.salt + _json(to.detail).encode()).hexdigest() if to else ""
    return [*map(_text, columns), covered, who]


def _hash(link: ReceiptChainLink, said: Said) -> bytes:
    if isinstance(said, ReceiptVoid):
        said = [_text(getattr(said, column.key)) for column in ReceiptVoid.__table__.columns]
    parts = [str(link.entity_id), link.position, str(link.receipt_id), link.fact, said]
    parts.append(link.previous_hash.hex())
    secret = hmac.digest(current().link_key.encode(), b"receipts", sha256)
    return hmac.digest(secret, _json(parts).encode(), sha256)


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if isinstance(value, dict) or value is None else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _opened(head: str) -> tuple[UUID, int, bytes]:
    content = links.verify_content(HEAD, head, key=current().link_key)
    if content is None:
        raise ValueError("a head that was not signed here")
    entity_id, position, digest, _ = json.loads(content)
    return UUID(entity_id), int(position), bytes.fromhex(digest)


def main(heads: list[str]) -> int:
    """The command."""
    database.connect(load().database_url, pool_size=1)
    with Transaction() as session:
        found = verify(session, heads=heads)
        facts = session.execute(select(func.count()).select_from(ReceiptChainLink)).scalar_one()
    for each in found:
        print(each)
    print("Broken." if found else f"{facts} facts, all as they were written.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
