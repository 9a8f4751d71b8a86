"""/civicrm/ajax/api4: one call, or several, with the answers and refusals of CRM/Api4/Page/AJAX.php."""

import hmac
import json
import random
import secrets
import time
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from sandbox import switches
from sandbox.crm import actions, records
from sandbox.crm.refusals import Refusal
from sandbox.world import world

routes = Blueprint("crm_api", __name__, url_prefix="/civicrm/ajax/api4")

HTML = "<!doctype html><html><head><title>CiviCRM</title></head><body><h1>{}</h1></body></html>"
CHANCES = ("limit", "fail", "html", "error", "late", "swap")


@routes.route("/<entity>/<action>", methods=["GET", "POST"])
def one(entity: str, action: str) -> Response:
    if request.method == "GET" and not action.lower().startswith("get"):
        message = "SECURITY: All requests that modify the database must be http POST, not GET."
        return _json({"error_code": 405, "error_message": message}, 405)
    return _answered([(entity, action, _read("params", {}))], alone=True)


@routes.post("")
def several() -> Response:
    """Explicit calls: each for itself, 200 as soon as one succeeded."""
    told = _read("calls", None)
    named = told.items() if isinstance(told, dict) else enumerate(told if isinstance(told, list) else [])
    calls = [(each + [{}] * 3)[:3] for _, each in named if isinstance(each, list) and len(each) > 1]
    return _answered([(str(e), str(a), p) for e, a, p in calls], alone=False)


@dataclass(frozen=True)
class Fault:
    """How this request is to go wrong: one of CHANCES, or not."""

    kind: str
    told: switches.Switches


def _answered(calls: list[tuple[str, str, Any]], *, alone: bool) -> Response:
    if (refused := _unknown_caller()) is not None:
        return refused
    fault = _fault()
    time.sleep(fault.told.crm_slow_s)
    if (early := _before(fault)) is not None:
        return early
    answers = [_call(*each, hidden=fault.told.crm_errors_hidden) for each in calls]
    if fault.kind == "swap":
        _swap(answers)
    if fault.kind == "late":
        time.sleep(fault.told.crm_late_s)
    failed = [answer["status"] for answer in answers if "status" in answer]
    status = failed[0] if answers and len(failed) == len(answers) else 200
    return _json(answers[0] if alone else answers, status)


def _unknown_caller() -> Response | None:
    told, key = request.headers.get("X-Civi-Auth", ""), world().settings.sandbox_crm_key
    if not told:
        return Response(HTML.format("Access denied"), 403, mimetype="text/html")
    if not key or not hmac.compare_digest(told.encode(), f"Bearer {key}".encode()):
        return Response("HTTP 401 Invalid credential", 401, mimetype="text/plain")
    return None


def _fault() -> Fault:
    """Drawn by the seed and the number of the request, so that a run can be played again."""
    with world().store.transaction() as db:
        told = switches.read(db)
        dice = random.Random(f"{told.crm_seed}:{records.number(db, 'request')}")
        if told.crm_off:
            return Fault("off", told)
        for kind in CHANCES:
            drawn = dice.uniform(0, 100) < getattr(told, f"crm_{kind}_percent")
            if switches.take(db, f"crm_{kind}_next") or drawn:
                return Fault(kind, told)
    return Fault("", told)


def _before(fault: Fault) -> Response | None:
    """The answers that come without anything being done."""
    if fault.kind == "off":
        return Response(HTML.format("Service Unavailable"), 503, mimetype="text/html")
    if fault.kind == "limit":
        return Response("Too Many Requests", 429, {"Retry-After": "1"}, mimetype="text/plain")
    if fault.kind == "fail":
        return _json(_error("DB Error: connect failed", -24, 500), 500)
    if fault.kind == "html":
        return Response(HTML.format("CiviCRM Home"), 200, mimetype="text/html")
    if fault.kind == "error":
        return _json(_error("DB Error: unknown error", -1, 500), 200)
    return None


def _call(entity: str, action: str, params: Any, *, hidden: bool) -> dict[str, Any]:
    try:
        if not isinstance(params, dict):
            raise Refusal("params is no JSON object")
        with world().store.transaction() as db:
            return actions.execute(db, entity, action, params)
    except Refusal as refusal:
        if hidden:
            id = "-".join(secrets.token_hex(2) for _ in range(3))
            said = f"Sorry an error occurred and your request was not completed. (Error ID: {id})"
            return {"error_code": "1", "error_message": said, "status": refusal.status}
        return _error(refusal.message, refusal.code, refusal.status)


def _swap(answers: list[dict[str, Any]]) -> None:
    """Somebody else's id in every record of the answer: what a mixed-up cache in front of it would give."""
    for answer in answers:
        for each in answer.get("values", []):
            each["id"] += 1


def _error(message: str, code: int, status: int) -> dict[str, Any]:
    return {"error_code": code, "error_message": message, "status": status}


def _read(name: str, default: Any) -> Any:
    told = request.values.get(name)
    try:
        return json.loads(told) if told else default
    except ValueError:
        return None


def _json(told: Any, status: int) -> Response:
    return Response(json.dumps(told), status, mimetype="application/json")
