"""The actions of API v4: get, create, update, save, replace, delete."""

import sqlite3
from collections.abc import Callable
from typing import Any

from sandbox.crm import query, records, schema
from sandbox.crm.refusals import Refusal

Params = dict[str, Any]
Values = list[dict[str, Any]]


def execute(db: sqlite3.Connection, entity: str, action: str, params: Params) -> dict[str, Any]:
    """One call's answer, or Refusal; what a refused call had written is undone."""
    if entity not in schema.ENTITIES:
        raise Refusal(f"API ({entity}, {action}) does not exist (join the API team and implement it!)")
    if action not in ACTIONS:
        raise Refusal(f"Api {entity} {action} version 4 does not exist.")
    if entity in schema.READ_ONLY and action != "get":
        raise Refusal("Authorization failed", status=403)
    matched = None
    db.execute("SAVEPOINT crm_call")
    try:
        if action == "get":
            values, matched = query.find(db, entity, params)
        else:
            values = ACTIONS[action](db, entity, params)
    except BaseException:
        db.execute("ROLLBACK TO crm_call")
        raise
    finally:
        db.execute("RELEASE crm_call")
    count = len(values) if matched is None or values else matched
    told = {"entity": entity, "action": action, "version": 4, "values": values, "count": count}
    return {**told, "countFetched": len(values), **({"countMatched": matched} if matched is not None else {})}


def _create(db: sqlite3.Connection, entity: str, params: Params) -> Values:
    told = _object(params.get("values"), "values")
    return [_shown(entity, records.create(db, entity, told))]


def _update(db: sqlite3.Connection, entity: str, params: Params) -> Values:
    told, where = _object(params.get("values"), "values"), list(params.get("where") or [])
    if told.get("id"):
        where.append(["id", "=", told["id"]])
    if not where:
        raise Refusal('Parameter "where" is required unless an id is supplied in values.')
    return [_shown(entity, records.update(db, entity, id, told)) for id in _ids(db, entity, params, where)]


def _save(db: sqlite3.Connection, entity: str, params: Params) -> Values:
    told, match = params.get("records"), params.get("match") or []
    if not isinstance(told, list):
        raise Refusal('Parameter "records" is required.')
    saved = []
    for each in told:
        record = {**(params.get("defaults") or {}), **_object(each, "records")}
        id = record.get("id") or _matching(db, entity, record, match)
        made = records.update(db, entity, id, record) if id else records.create(db, entity, record)
        saved.append(_shown(entity, made))
    if params.get("reload"):
        return query.find(db, entity, {"where": [["id", "IN", [each["id"] for each in saved]]]})[0]
    return saved


def _replace(db: sqlite3.Connection, entity: str, params: Params) -> Values:
    """The records named by `where` become `records`: the others among them are deleted."""
    where = params.get("where") or []
    if not where:
        raise Refusal('Parameter "where" is required.')
    alike = {each[0]: each[2] for each in where if len(each) == 3 and each[1] == "="}
    before = set(_ids(db, entity, {}, where))
    saved = _save(db, entity, {**params, "defaults": {**alike, **(params.get("defaults") or {})}})
    for id in sorted(before - {each["id"] for each in saved}):
        records.delete(db, entity, id)
    return saved


def _delete(db: sqlite3.Connection, entity: str, params: Params) -> Values:
    where = params.get("where") or []
    if not where:
        raise Refusal(f'Cannot delete {entity} with no "where" parameter specified')
    ids = _ids(db, entity, params, where)
    for id in ids:
        records.delete(db, entity, id, use_trash=params.get("useTrash", True))
    return [{"id": id} for id in ids]


ACTIONS: dict[str, Callable[[sqlite3.Connection, str, Params], Values]] = {
    "get": lambda db, entity, params: query.find(db, entity, params)[0],
    "create": _create,
    "update": _update,
    "save": _save,
    "replace": _replace,
    "delete": _delete,
}


def _matching(db: sqlite3.Connection, entity: str, record: Params, match: list[str]) -> int | None:
    """The one record with these values; two of them are none (MatchParamTrait)."""
    resolved = {**record, **records.formatted(entity, record)}
    if not match or not all(name in resolved for name in match):
        return None
    where = [
        [name, "=", resolved[name]] if resolved[name] not in (None, "") else [name, "IS EMPTY"]
        for name in match
    ]
    found, _ = query.find(db, entity, {"where": where, "limit": 2})
    return found[0]["id"] if len(found) == 1 else None


def _ids(db: sqlite3.Connection, entity: str, params: Params, where: list[Any]) -> list[int]:
    asked = {name: params[name] for name in ("orderBy", "limit", "offset") if name in params}
    return [each["id"] for each in query.find(db, entity, {**asked, "select": ["id"], "where": where})[0]]


def _object(told: Any, name: str) -> Params:
    if not isinstance(told, dict):
        raise Refusal(f'Parameter "{name}" is not of the correct type. Expecting array.')
    return told


def _shown(entity: str, body: dict[str, Any]) -> dict[str, Any]:
    known = schema.ENTITIES[entity]
    return {name: query.value(known, name, kept) for name, kept in body.items()}
