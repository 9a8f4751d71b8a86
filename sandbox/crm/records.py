"""What the CRM keeps, and its rules when something is written."""

import json
import sqlite3
import time
from datetime import datetime
from typing import Any

from sandbox.crm import query, schema
from sandbox.crm.refusals import Refusal
from shared.clock import ZONE

TABLES = """
CREATE TABLE IF NOT EXISTS crm_records (
    entity TEXT NOT NULL, id INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (entity, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS crm_external
    ON crm_records (json_extract(body, '$."external_identifier"') COLLATE NOCASE) WHERE entity = 'Contact';
CREATE UNIQUE INDEX IF NOT EXISTS crm_trxn
    ON crm_records (json_extract(body, '$."trxn_id"') COLLATE NOCASE) WHERE entity = 'Contribution';
CREATE UNIQUE INDEX IF NOT EXISTS crm_invoice
    ON crm_records (json_extract(body, '$."invoice_id"') COLLATE NOCASE) WHERE entity = 'Contribution';
CREATE INDEX IF NOT EXISTS crm_of_contact ON crm_records (entity, json_extract(body, '$."contact_id"'));
CREATE INDEX IF NOT EXISTS crm_emails
    ON crm_records (json_extract(body, '$."email"') COLLATE NOCASE) WHERE entity = 'Email';
CREATE INDEX IF NOT EXISTS crm_registrations
    ON crm_records (json_extract(body, '$."Amicale_registration.registration_id"') COLLATE NOCASE)
    WHERE entity = 'Participant';
CREATE INDEX IF NOT EXISTS crm_event_ids
    ON crm_records (json_extract(body, '$."Amicale_event.event_id"') COLLATE NOCASE)
    WHERE entity = 'Event';
CREATE TABLE IF NOT EXISTS crm_numbers (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
"""

Record = dict[str, Any]


def seed(db: sqlite3.Connection) -> None:
    """What a fresh CiviCRM has: its types and options."""
    rows = [("OptionValue", each) for each in schema.option_values()]
    rows += [("CustomGroup", each) for each in schema.custom_groups()]
    rows += [("CustomField", each) for each in schema.custom_fields()]
    for entity, names in schema.LOOKUPS.items():
        rows += [(entity, {"id": id, "name": name, "is_active": 1}) for id, name in names.items()]
    db.executemany(
        "INSERT OR IGNORE INTO crm_records VALUES (?, ?, ?)",
        [(entity, body["id"], json.dumps(body)) for entity, body in rows],
    )


def create(db: sqlite3.Connection, entity: str, told: Record) -> Record:
    known, values = schema.ENTITIES[entity], formatted(entity, told)
    missing = [name for name in known.required if values.get(name) in (None, "")]
    if missing:
        raise Refusal(f"Mandatory values missing from Api4 {entity}::create: {', '.join(missing)}")
    given = {name: kept for name, kept in values.items() if kept is not None}
    body = {**known.defaults, **given}
    now = _now()
    if entity == "Contact":
        body |= {"created_date": now, "modified_date": now}
    if entity == "Contribution":
        body.setdefault("receive_date", now)
    body["id"] = number(db, entity)
    return _write(db, entity, body, told)


def update(db: sqlite3.Connection, entity: str, id: int, told: Record) -> Record:
    row = db.execute("SELECT body FROM crm_records WHERE entity = ? AND id = ?", (entity, id)).fetchone()
    if row is None:
        raise Refusal(f"{entity} write operation failed")
    body = json.loads(row["body"]) | formatted(entity, told) | {"id": id}
    if entity == "Contact":
        body["modified_date"] = _now()
    return _write(db, entity, body, told)


def delete(db: sqlite3.Connection, entity: str, id: int, *, use_trash: bool = True) -> None:
    """A contact goes to the trash by default; for good, it takes what is its own along."""
    if entity == "Contact" and use_trash:
        update(db, entity, id, {"is_deleted": 1})
        return
    if entity in {"Contact", "Event"}:
        link = f"{entity.lower()}_id"
        owned = [name for name, each in schema.ENTITIES.items() if link in each.links]
        for name in owned:
            db.execute(
                f"DELETE FROM crm_records WHERE entity = ? AND json_extract(body, '$.\"{link}\"') = ?",
                (name, id),
            )
    row = db.execute("SELECT body FROM crm_records WHERE entity = ? AND id = ?", (entity, id)).fetchone()
    db.execute("DELETE FROM crm_records WHERE entity = ? AND id = ?", (entity, id))
    if entity == "Email" and row and (body := json.loads(row["body"])).get("is_primary"):
        _promote(db, body["contact_id"])


def formatted(entity: str, told: Record) -> Record:
    """The values as they are kept: unknown fields are ignored without a word, option names become ids."""
    known, values = schema.ENTITIES[entity], {}
    for name, given in told.items():
        plain, _, suffix = name.partition(":")
        kind = known.kind(plain)
        if kind is None or plain == "id":
            continue
        values[plain] = _typed(kind, plain, query.option(known, plain, given) if suffix else given)
    return values


def _typed(kind: str, name: str, given: Any) -> Any:
    if given is None or given == "":
        return None
    try:
        if kind == schema.MOMENT:
            return datetime.fromisoformat(str(given)).strftime("%Y-%m-%d %H:%M:%S")
        if kind == schema.MONEY:
            return round(float(given), 2)
        if kind in {schema.BOOLEAN, schema.INTEGER}:
            return int(given)
    except (TypeError, ValueError):
        raise Refusal(f"DB Error: {name} is no {kind}", code=-1) from None
    if isinstance(given, list | dict):
        raise Refusal(f"Invalid value for {name}")
    if len(str(given)) > 255:
        raise Refusal("DB Error: unknown error", code=-1)  # MySQL, strict: data too long for column
    return str(given)


def _write(db: sqlite3.Connection, entity: str, body: Record, told: Record) -> Record:
    for link, to in schema.ENTITIES[entity].links.items():
        if not _there(db, to, body.get(link)):
            raise Refusal("DB Error: constraint violation", code=-3)
    if entity == "Contact":
        _name(body, told)
    if entity == "Contribution":
        _refuse_twins(db, body)
    if entity == "Email":
        _arrange_primary(db, body)
    try:
        db.execute(
            "INSERT INTO crm_records VALUES (?, ?, ?) "
            "ON CONFLICT (entity, id) DO UPDATE SET body = excluded.body",
            (entity, body["id"], json.dumps(body, ensure_ascii=False)),
        )
    except sqlite3.IntegrityError:
        raise Refusal("DB Error: already exists", code=-5) from None
    if entity == "Contact":
        _save_primary_email(db, body["id"], told)
    return body


def _name(body: Record, told: Record) -> None:
    first, last = body.get("first_name"), body.get("last_name")
    address = told.get("email_primary.email")
    if not (first or last or address or body.get("display_name")):
        raise Refusal("Mandatory values missing from Api4 Contact::create: first_name, last_name")
    if first or last:
        body["display_name"] = " ".join(each for each in (first, last) if each)
        body["sort_name"] = ", ".join(each for each in (last, first) if each)
    elif address:
        body["display_name"] = body["sort_name"] = address


def _refuse_twins(db: sqlite3.Connection, body: Record) -> None:
    for name in ("trxn_id", "invoice_id"):
        if body.get(name) is None:
            continue
        row = db.execute(
            f"SELECT id FROM crm_records WHERE entity = 'Contribution' AND id <> ? "
            f"AND json_extract(body, '$.\"{name}\"') = ? COLLATE NOCASE",
            (body["id"], body[name]),
        ).fetchone()
        if row:
            raise Refusal(
                "Duplicate error - existing contribution record(s) have a matching Transaction ID or Invoice "
                f"Reference. Contribution record ID(s) are: [id: {row['id']}, {name}: {body[name]}]"
            )


def _arrange_primary(db: sqlite3.Connection, body: Record) -> None:
    """Exactly one address of a contact is the primary one."""
    others = [each for each in emails_of(db, body["contact_id"]) if each["id"] != body["id"]]
    if not any(each.get("is_primary") for each in others):
        body["is_primary"] = 1
    elif body.get("is_primary"):
        for each in others:
            _keep(db, "Email", each | {"is_primary": 0})


def _promote(db: sqlite3.Connection, contact_id: int) -> None:
    if left := emails_of(db, contact_id):
        _keep(db, "Email", left[0] | {"is_primary": 1})


def emails_of(db: sqlite3.Connection, contact_id: int) -> list[Record]:
    rows = db.execute(
        "SELECT body FROM crm_records WHERE entity = 'Email' AND json_extract(body, '$.\"contact_id\"') = ? "
        "ORDER BY id",
        (contact_id,),
    )
    return [json.loads(row["body"]) for row in rows]


def _save_primary_email(db: sqlite3.Connection, contact_id: int, told: Record) -> None:
    """`email_primary.…` beside a contact's own fields; a null address deletes it (ContactSaveTrait)."""
    values = {
        name.partition(".")[2]: given for name, given in told.items() if name.startswith("email_primary.")
    }
    values = {name: given for name, given in values.items() if name not in {"id", "is_primary", "is_billing"}}
    if not values:
        return
    primary = next((each for each in emails_of(db, contact_id) if each.get("is_primary")), None)
    if "email" in values and values["email"] is None:
        if primary:
            delete(db, "Email", primary["id"])
    elif primary:
        update(db, "Email", primary["id"], values)
    else:
        create(db, "Email", {**values, "contact_id": contact_id, "is_primary": 1})


def _keep(db: sqlite3.Connection, entity: str, body: Record) -> None:
    db.execute(
        "UPDATE crm_records SET body = ? WHERE entity = ? AND id = ?",
        (json.dumps(body, ensure_ascii=False), entity, body["id"]),
    )


def _there(db: sqlite3.Connection, entity: str, id: Any) -> bool:
    return bool(db.execute("SELECT 1 FROM crm_records WHERE entity = ? AND id = ?", (entity, id)).fetchone())


def number(db: sqlite3.Connection, name: str) -> int:
    """The next of a row of numbers; none is given twice, even after a deletion."""
    db.execute(
        "INSERT INTO crm_numbers VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET last = last + 1", (name,)
    )
    return db.execute("SELECT last FROM crm_numbers WHERE name = ?", (name,)).fetchone()[0]


def _now() -> str:
    return datetime.fromtimestamp(time.time(), ZONE).strftime("%Y-%m-%d %H:%M:%S")
