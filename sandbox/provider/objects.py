"""The provider's objects: kept as the JSON that the API answers, found by account."""

import json
import secrets
import sqlite3
from collections.abc import Iterable
from typing import Any

from sandbox.provider.errors import ApiError, missing

Object = dict[str, Any]


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


def keep(db: sqlite3.Connection, account: str, made: Object) -> Object:
    db.execute(
        "INSERT INTO objects (id, account, kind, created, payment_intent, body) VALUES (?, ?, ?, ?, ?, ?)",
        (made["id"], account, made["object"], made["created"], made.get("payment_intent"), json.dumps(made)),
    )
    return made


def change(db: sqlite3.Connection, changed: Object) -> Object:
    db.execute(
        "UPDATE objects SET body = ?, payment_intent = ? WHERE id = ?",
        (json.dumps(changed), changed.get("payment_intent"), changed["id"]),
    )
    return changed


def find(db: sqlite3.Connection, account: str, id: str, kind: str) -> Object:
    """The object; what another account holds does not exist."""
    row = db.execute(
        "SELECT body FROM objects WHERE id = ? AND account = ? AND kind = ?", (id, account, kind)
    ).fetchone()
    if row is None:
        raise missing(kind, id)
    return json.loads(row["body"])


def any_of(db: sqlite3.Connection, account: str, id: str) -> Object | None:
    row = db.execute("SELECT body FROM objects WHERE id = ? AND account = ?", (id, account)).fetchone()
    if row is None:
        return None
    found: Object = json.loads(row["body"])
    found.pop("sandbox", None)
    return found


def page(db: sqlite3.Connection, account: str, kind: str, wish: dict[str, Any], *, url: str) -> Object:
    """One page of a list, newest first; `wish` holds paging, `created`, and fields that must be equal."""
    limit = wish.get("limit", 10)
    if not 1 <= limit <= 100:
        raise ApiError(400, "This value must be between 1 and 100.", code="parameter_invalid", param="limit")
    back = "ending_before" in wish
    way = "ASC" if back else "DESC"
    where, values = _where(db, account, kind, wish)
    rows = db.execute(
        f"SELECT body FROM objects WHERE {where} ORDER BY created {way}, seq {way} LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    data = [json.loads(row["body"]) for row in rows[:limit]]
    return {
        "object": "list",
        "url": url,
        "has_more": len(rows) > limit,
        "data": data[::-1] if back else data,
    }


BOUNDS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
PAGING = {"limit", "starting_after", "ending_before", "expand", "created", "type", "types"}


def _where(db: sqlite3.Connection, account: str, kind: str, wish: dict[str, Any]) -> tuple[str, list[Any]]:
    parts, values = ["account = ? AND kind = ?"], [account, kind]
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if name in wish:
            find(db, account, wish[name], kind)
            parts.append(f"(created, seq) {sign} (SELECT created, seq FROM objects WHERE id = ?)")
            values.append(wish[name])
    created = wish.get("created", {})
    for bound, value in ({"gte": created, "lte": created} if isinstance(created, int) else created).items():
        parts.append(f"created {BOUNDS[bound]} ?")
        values.append(value)
    for pattern in [wish["type"]] if "type" in wish else []:
        parts.append("json_extract(body, '$.type') GLOB ?")
        values.append(pattern)
    if types := wish.get("types"):
        parts.append(f"json_extract(body, '$.type') IN ({','.join('?' * len(types))})")
        values += types
    for name in wish.keys() - PAGING:
        parts.append(f"json_extract(body, '$.{name}') = ?")
        values.append(wish[name])
    return " AND ".join(parts), values


def expanded(db: sqlite3.Connection, account: str, answer: Object, paths: Iterable[str]) -> Object:
    """The answer with the ids at `paths` (`latest_charge.balance_transaction`) replaced by their objects."""
    for path in paths:
        _expand(db, account, [answer], path.split("."), path)
    return answer


def _expand(db: sqlite3.Connection, account: str, places: list[Object], steps: list[str], path: str) -> None:
    for place in places:
        step = steps[0]
        if step not in place:
            raise ApiError(400, f"This property cannot be expanded ({path}).", param="expand")
        if isinstance(place[step], str):
            place[step] = any_of(db, account, place[step]) or place[step]
        inner = place[step] if isinstance(place[step], list) else [place[step]]
        if len(steps) > 1:
            _expand(db, account, [each for each in inner if isinstance(each, dict)], steps[1:], path)
