"""/sandbox/crm/: the contacts as the CRM's own people see them, to look at, change by hand, or delete."""

import json
import sqlite3
from typing import Any

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from sandbox import looks
from sandbox.crm import query, records
from sandbox.crm.refusals import Refusal
from sandbox.world import world

routes = Blueprint("crm", __name__, url_prefix="/sandbox/crm")

SHOWN = ["display_name", "external_identifier", "is_deleted", "email_primary.email"]
EDITED = ("first_name", "last_name", "email_primary.email")
ANYWHERE = ["is_deleted", "IN", [0, 1]]


@routes.get("/", strict_slashes=False)
def index() -> Response:
    like = request.args.get("q", "").strip()[:200]
    searched = [[name, "LIKE", f"%{like}%"] for name in SHOWN if name != "is_deleted"]
    where = [ANYWHERE, *([["OR", searched]] if like else [])]
    with world().store.transaction() as db:
        asked = {"select": SHOWN, "where": where, "orderBy": {"id": "DESC"}, "limit": 50}
        found, _ = query.find(db, "Contact", asked)
    return looks.page("crm.html", found=found, like=like)


@routes.get("/<int:id>")
def contact(id: int) -> Response:
    with world().store.transaction() as db:
        return _page(db, id)


@routes.post("/<int:id>")
def changed(id: int) -> Response:
    """By another hand than ours: so a conflict is made."""
    told: dict[str, Any] = {name: request.form.get(name, "").strip() or None for name in EDITED}
    try:
        with world().store.transaction() as db:
            _found(db, id)
            if request.form.get("act") == "delete":
                records.delete(db, "Contact", id)
            else:
                records.update(db, "Contact", id, told)
    except Refusal as refusal:
        with world().store.transaction() as db:
            return _page(db, id, wrong=refusal.message, status=422)
    return redirect(f"/sandbox/crm/{id}", 303)


def _page(db: sqlite3.Connection, id: int, *, wrong: str = "", status: int = 200) -> Response:
    found, mine = _found(db, id), [["contact_id", "=", id]]
    gifts = ["*", "custom.*", "contribution_status_id:name"]
    seats = ["*", "custom.*", "status_id:name", "event_id.title"]
    return looks.page(
        "crm-contact.html",
        status=status,
        contact=found,
        edited=EDITED,
        contributions=query.find(db, "Contribution", {"select": gifts, "where": mine})[0],
        participants=query.find(db, "Participant", {"select": seats, "where": mine})[0],
        raw=json.dumps(found, ensure_ascii=False, indent=2),
        wrong=wrong,
    )


def _found(db: sqlite3.Connection, id: int) -> dict[str, Any]:
    asked = {"select": ["*", "custom.*", "email_primary.email"], "where": [["id", "=", id]]}
    found, _ = query.find(db, "Contact", asked)
    return found[0] if found else abort(404)
