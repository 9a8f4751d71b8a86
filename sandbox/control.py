"""/sandbox/control: tell the sandbox to misbehave, and see what it did."""

import json
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from sandbox import looks, switches
from sandbox.mailbox import letters, script
from sandbox.provider import clock, debits, disputes, events, objects, payouts, refunds
from sandbox.provider.accounts import Merchant
from sandbox.provider.errors import ApiError
from sandbox.world import world
from shared.money import format_money

routes = Blueprint("control", __name__, url_prefix="/sandbox/control")

GROUPS = {
    group: [name for name in switches.KINDS if name.startswith(f"{group}_")]
    for group in ("webhook", "api", "receiver", "crm")
}


@routes.get("/", strict_slashes=False)
def page() -> Response:
    return _page(done="done" in request.args)


@routes.post("/")
def applied() -> Response:
    """The page's form: the switches and the mail server's rules, or everything off."""
    try:
        with world().store.transaction() as db:
            if request.form.get("act") == "reset":
                switches.reset(db)
            else:
                switches.turn(db, _told())
                script.write(db, script.parsed(_rules()))
    except (switches.SwitchUnknown, script.RuleInvalid) as error:
        return _page(wrong=str(error), status=422)
    world().courier.wake()
    return redirect("/sandbox/control/?done", 303)


@routes.get("/rows")
def rows() -> Response:
    return looks.fragment("control-rows.html", deliveries=_deliveries(30))


@routes.get("/switches")
def shown() -> dict[str, Any]:
    with world().store.transaction() as db:
        return asdict(switches.read(db))


@routes.put("/switches")
def turned() -> dict[str, Any]:
    """Set some; the others stay."""
    wish = request.get_json()
    if not isinstance(wish, dict):
        raise switches.SwitchUnknown("Switches are a JSON object.")
    with world().store.transaction() as db:
        told = asdict(switches.turn(db, wish))
    world().courier.wake()
    return told


@routes.delete("/switches")
def all_off() -> dict[str, Any]:
    """Behave again, the mail server included."""
    with world().store.transaction() as db:
        told = asdict(switches.reset(db))
    world().courier.wake()
    return told


@routes.put("/mail-rules")
def script_mail() -> dict[str, Any]:
    rules = script.parsed(request.get_json())
    with world().store.transaction() as db:
        script.write(db, rules)
    return {"items": [asdict(each) for each in rules]}


@routes.delete("/emails")
def empty_mailbox() -> tuple[str, int]:
    with world().store.transaction() as db:
        letters.clear(db)
    return "", 204


@routes.get("/deliveries")
def deliveries() -> dict[str, Any]:
    """The latest webhooks, newest first: `due_at` is null when it is over."""
    return {"items": _deliveries(max(1, min(request.args.get("limit", 100, type=int), 10_000)))}


@routes.post("/events/<id>/deliveries")
def again(id: str) -> Response | tuple[dict[str, Any], int]:
    """Send an event once more, as the provider's dashboard can."""
    with world().store.transaction() as db:
        row = db.execute("SELECT account FROM objects WHERE id = ? AND kind = 'event'", (id,)).fetchone()
        merchant = world().merchants.get(row["account"]) if row else None
        if merchant is None:
            return {"error": "There is no such event."}, 404
        event = objects.find(db, merchant.account, id, "event")
        events.queue_now(db, merchant, id, event["type"])
    world().courier.wake()
    if request.accept_mimetypes.accept_html and "text/html" in request.accept_mimetypes.to_header():
        return redirect("/sandbox/control/?done", 303)
    return {"event": id}, 201


@routes.post("/<account>/disputes")
def dispute(account: str) -> tuple[dict[str, Any], int]:
    """{"charge"} or {"payment_intent"}: its bank takes the money back; only asks with {"question": true}."""
    wish = request.get_json()
    merchant = _merchant(account)
    with world().store.transaction() as db:
        id = wish.get("charge")
        if id is None:
            paid = objects.find(db, account, wish.get("payment_intent"), "payment_intent")
            id = paid["latest_charge"]
        charge, question = objects.find(db, account, id, "charge"), bool(wish.get("question"))
        made = disputes.start(db, merchant, charge, question=question, at=clock.now(db))
    world().courier.wake()
    return made, 201


@routes.post("/<account>/disputes/<id>/closures")
def close_dispute(account: str, id: str) -> tuple[dict[str, Any], int]:
    """{"outcome": "won" | "lost"}."""
    outcome = request.get_json().get("outcome")
    if outcome not in {"won", "lost"}:
        raise ApiError(422, "An outcome is won or lost.")
    merchant = _merchant(account)
    with world().store.transaction() as db:
        made = disputes.close(db, merchant, id, outcome=outcome, at=clock.now(db))
    world().courier.wake()
    return made, 201


@routes.post("/<account>/debits/<payment_intent>/decisions")
def decide(account: str, payment_intent: str) -> Response | tuple[dict[str, Any], int]:
    """{"fate": "taken" | "refused"} of a debit that waits, "returned" of one that was taken too: now."""
    by_hand = not request.is_json
    fate = request.form.get("fate") if by_hand else request.get_json().get("fate")
    if fate not in {"taken", "refused", "returned"}:
        raise ApiError(422, "A fate is taken, refused or returned.")
    merchant = _merchant(account)
    with world().store.transaction() as db:
        paid = objects.find(db, account, payment_intent, "payment_intent")
        made = debits.decide(db, merchant, paid["latest_charge"], fate=fate, at=clock.now(db))
    world().courier.wake()
    return redirect("/sandbox/control/?done", 303) if by_hand else (made, 201)


@routes.post("/clock")
def let_pass() -> dict[str, float]:
    """{"days": 5}: as many days pass at the provider, with all that happens in them."""
    days = request.get_json().get("days")
    if not isinstance(days, int | float) or isinstance(days, bool) or not 0 < days <= 400:
        raise ApiError(422, "Days are a number above 0, at most 400.")
    with world().store.transaction() as db:
        clock.let_pass(db, days * 86_400)
        now = clock.now(db)
    world().courier.sweep_once()
    world().courier.wake()
    return {"now": now}


@routes.post("/<account>/refunds/<id>/failures")
def fail_refund(account: str, id: str) -> tuple[dict[str, Any], int]:
    """A refund that succeeded comes back: the donor's bank did not take it."""
    merchant = _merchant(account)
    with world().store.transaction() as db:
        made = refunds.fail(db, merchant, id, at=clock.now(db))
    world().courier.wake()
    return made, 201


@routes.post("/<account>/payouts")
def pay_out(account: str) -> tuple[dict[str, Any], int]:
    """A payout now, of what is pending too; it arrives at once unless `{"arrives": false}`."""
    wish, merchant = request.get_json(), _merchant(account)
    with world().store.transaction() as db:
        made = payouts.make(db, merchant, at=clock.now(db), early=True)
        if wish.get("arrives", True):
            made = [payouts.arrive(db, merchant, each["id"], at=clock.now(db)) for each in made]
    world().courier.wake()
    return {"items": made}, 201


@routes.post("/<account>/payouts/<id>/arrivals")
def arrive(account: str, id: str) -> tuple[dict[str, Any], int]:
    """A payout reaches the bank."""
    merchant = _merchant(account)
    with world().store.transaction() as db:
        made = payouts.arrive(db, merchant, id, at=clock.now(db))
    world().courier.wake()
    return made, 201


@routes.post("/<account>/payouts/<id>/failures")
def fail(account: str, id: str) -> tuple[dict[str, Any], int]:
    """The bank sends a payout back."""
    merchant = _merchant(account)
    with world().store.transaction() as db:
        made = payouts.fail(db, merchant, id, at=clock.now(db))
    world().courier.wake()
    return made, 201


@routes.errorhandler(ApiError)
def explain(error: ApiError) -> tuple[dict[str, Any], int]:
    return {"error": error.body["message"]}, error.status


@routes.errorhandler(switches.SwitchUnknown)
@routes.errorhandler(script.RuleInvalid)
def refuse(error: ValueError) -> tuple[dict[str, str], int]:
    return {"error": str(error)}, 422


def _merchant(account: str) -> Merchant:
    merchant = world().merchants.get(account)
    if merchant is None:
        raise ApiError(404, "There is no such account.")
    return merchant


def _page(*, wrong: str = "", done: bool = False, status: int = 200) -> Response:
    with world().store.transaction() as db:
        told, rules = asdict(switches.read(db)), [asdict(each) for each in script.read(db)]
        waiting = debits.latest(db)
    return looks.page(
        "control.html",
        status=status,
        groups=GROUPS,
        told=told,
        rules=request.form.get("mail_rules") or json.dumps(rules, ensure_ascii=False),
        debits=[each | {"amount": _money(each["charge"])} for each in waiting],
        deliveries=_deliveries(30),
        wrong=wrong,
        done=done,
    )


def _money(charge: objects.Object) -> str:
    return format_money(charge["amount"], charge["currency"].upper(), looks.language())


def _deliveries(limit: int) -> list[dict[str, Any]]:
    with world().store.transaction() as db:
        rows = db.execute("SELECT * FROM deliveries ORDER BY seq DESC LIMIT ?", (limit,)).fetchall()
    return [dict(row) for row in rows]


def _told() -> dict[str, Any]:
    """The form's fields as the switches' kinds; what is no number is left for the switch to refuse."""
    told: dict[str, Any] = {}
    for name, kind in switches.KINDS.items():
        value: Any = request.form.get(name, "")
        if kind is bool:
            value = bool(value)
        else:
            with suppress(ValueError):
                value = kind(value or 0)
        told[name] = value
    return told


def _rules() -> Any:
    try:
        return json.loads(request.form.get("mail_rules") or "[]")
    except ValueError:
        raise script.RuleInvalid("The rules are not JSON.") from None
