"""`get`: the query language of API v4, made into SQL over the kept records."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from sandbox.crm import schema
from sandbox.crm.refusals import Refusal

COMPARED = {"=": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
            "LIKE": "LIKE", "NOT LIKE": "NOT LIKE"}  # fmt: skip
BARE = {"IS NULL": "IS NULL", "IS NOT NULL": "IS NOT NULL"}
PRIMARY = "email_primary"


def find(
    db: sqlite3.Connection, entity: str, params: dict[str, Any]
) -> tuple[list[dict[str, Any]], int | None]:
    """The records as the answer has them, and how many match in all when `row_count` was asked."""
    known = schema.ENTITIES[entity]
    select = params.get("select") or ["*"]
    clause, values = _where(entity, _with_defaults(known, params.get("where") or []))
    matched = None
    if "row_count" in select:
        matched = db.execute(f"SELECT count(*) FROM crm_records r WHERE {clause}", values).fetchone()[0]
        if select == ["row_count"]:
            return [], matched
    order = _order(entity, params.get("orderBy") or {})
    limit, offset = int(params.get("limit") or 0) or -1, int(params.get("offset") or 0)
    rows = db.execute(
        f"SELECT r.id, r.body FROM crm_records r WHERE {clause} ORDER BY {order} LIMIT ? OFFSET ?",
        [*values, limit, offset],
    ).fetchall()
    names = list(_selected(known, select))
    return [_shown(db, entity, row["id"], json.loads(row["body"]), names) for row in rows], matched


def value(known: schema.Entity, name: str, kept: Any) -> Any:
    """A kept value in the type that the API gives it."""
    kind = known.kind(name)
    if kept is None:
        return None
    return bool(kept) if kind == schema.BOOLEAN else float(kept) if kind == schema.MONEY else kept


def option(known: schema.Entity, name: str, told: Any) -> Any:
    """The id of an option by its name; None when there is none, as FormattingUtil has it."""
    if name not in known.options:
        raise Refusal(f"No option list found for '{name}'")
    ids = {label: id for id, label in known.options[name].items()}
    return [ids[each] for each in told if each in ids] if isinstance(told, list) else ids.get(told)


def column(entity: str, name: str) -> str | None:
    """The SQL of a field, joined ones (`contact_id.first_name`, `email_primary.email`) included."""
    known = schema.ENTITIES[entity]
    if name == "id":
        return "r.id"
    if known.kind(name):
        return _json("r", name)
    link, _, far = name.partition(".")
    if link == PRIMARY and entity == "Contact" and far in schema.ENTITIES["Email"].fields:
        return (
            f"(SELECT {_json('j', far)} FROM crm_records j WHERE j.entity = 'Email' AND "
            f"{_json('j', 'contact_id')} = r.id AND {_json('j', 'is_primary')} = 1)"
        )
    to = known.links.get(link)
    if to and schema.ENTITIES[to].kind(far):
        of = "j.id" if far == "id" else _json("j", far)
        return f"(SELECT {of} FROM crm_records j WHERE j.entity = '{to}' AND j.id = {_json('r', link)})"
    return None


def _json(table: str, name: str) -> str:
    return f"json_extract({table}.body, '$.\"{name}\"')"


def _with_defaults(known: schema.Entity, where: list[Any]) -> list[Any]:
    """Records in the trash, tests and templates are left out, unless asked for by id or by that field."""
    if not isinstance(where, list) or not all(isinstance(each, list) and len(each) > 1 for each in where):
        raise Refusal("Illegal where clause")
    if any(each[0] == "id" and each[1] in {"=", "IN"} for each in where):
        return where
    named = set(_named(where))
    return [*where, *([name, "=", 0] for name in known.hidden if name not in named)]


def _named(where: list[Any]) -> Iterable[str]:
    for each in where:
        if isinstance(each, list) and each and isinstance(each[0], str):
            yield each[0]
            if len(each) > 1 and isinstance(each[1], list):
                yield from _named(each[1])


def _where(entity: str, where: list[Any]) -> tuple[str, list[Any]]:
    parts, values = [f"r.entity = '{entity}'"], []
    for each in where:
        clause, bound = _clause(entity, each)
        parts.append(clause)
        values += bound
    return " AND ".join(parts), values


def _clause(entity: str, told: list[Any]) -> tuple[str, list[Any]]:
    if told[0] in {"AND", "OR", "NOT"} and isinstance(told[1], list):
        return _branch(entity, told[0], told[1])
    name, operator, wanted = [*told, None][:3]
    plain, _, suffix = str(name).partition(":")
    of, known = column(entity, plain), schema.ENTITIES[entity]
    if of is None:
        raise Refusal(f"Invalid field '{name}'")
    if suffix:
        wanted = option(known, plain, wanted)
    if operator in BARE:
        return f"{of} {BARE[operator]}", []
    if operator in {"IS EMPTY", "IS NOT EMPTY"}:
        return f"{'' if operator == 'IS EMPTY' else 'NOT '}(ifnull({of}, '') IN ('', 0))", []
    if operator in {"IN", "NOT IN"} and isinstance(wanted, list):
        return f"{of} COLLATE NOCASE {operator} ({', '.join('?' * len(wanted))})", [_bound(w) for w in wanted]
    if operator in {"BETWEEN", "NOT BETWEEN"} and isinstance(wanted, list) and len(wanted) == 2:
        return f"{of} {operator} ? AND ?", [_bound(each) for each in wanted]
    if operator not in COMPARED:
        raise Refusal("Illegal operator")
    return f"{of} {COMPARED[operator]} ? COLLATE NOCASE", [_bound(wanted)]


def _branch(entity: str, word: str, told: list[Any]) -> tuple[str, list[Any]]:
    inner = [told] if told and isinstance(told[0], str) else told
    made = [_clause(entity, each) for each in inner]
    joined = f" {'OR' if word == 'OR' else 'AND'} ".join(clause for clause, _ in made) or "1"
    return f"{'NOT ' if word == 'NOT' else ''}({joined})", [each for _, bound in made for each in bound]


def _bound(wanted: Any) -> Any:
    if isinstance(wanted, list | dict):
        raise Refusal("Invalid value in WHERE clause")
    return wanted


def _order(entity: str, told: dict[str, str]) -> str:
    parts = []
    for name, direction in told.items():
        of = column(entity, name.partition(":")[0])
        if of is None:
            raise Refusal(f"Invalid field '{name}'")
        if direction not in {"ASC", "DESC"}:
            raise Refusal(f"Invalid sort direction. Cannot order by {name} {direction}")
        parts.append(f"{of} {direction}")
    return ", ".join([*parts, "r.id"])


def _selected(known: schema.Entity, select: list[str]) -> Iterable[str]:
    """Names in order, wildcards opened; `*` opens to core fields only, as there."""
    yield "id"
    for name in select:
        if name == "*":
            yield from (each for each in known.fields if each != "id")
        elif name == "custom.*":
            yield from known.custom
        elif name.endswith(".*"):
            yield from (each for each in known.custom if each.startswith(name[:-1]))
        elif name not in {"id", "row_count"}:
            yield name


def _shown(
    db: sqlite3.Connection, entity: str, id: int, body: dict[str, Any], names: list[str]
) -> dict[str, Any]:
    known, shown = schema.ENTITIES[entity], {"id": id}
    for name in names[1:]:
        plain, _, suffix = name.partition(":")
        of = column(entity, plain)
        if of is None or (suffix and plain not in known.options):
            continue  # an unknown field in select is left out without a word
        if known.kind(plain):
            kept = value(known, plain, body.get(plain))
        else:
            kept = db.execute(
                f"SELECT {of} FROM crm_records r WHERE r.entity = ? AND r.id = ?", (entity, id)
            ).fetchone()[0]
        shown[name] = known.options[plain].get(kept) if suffix else kept
    return shown
