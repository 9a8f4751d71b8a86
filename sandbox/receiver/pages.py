"""/sandbox/receiver/<name>: the address to give to a subscription, and what it received."""

import time
from typing import Any

from flask import Blueprint, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from sandbox import looks, switches
from sandbox.provider.events import dice
from sandbox.receiver import receptions
from sandbox.world import world

routes = Blueprint("receiver", __name__, url_prefix="/sandbox/receiver")


@routes.post("/<name>")
def receive(name: str) -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Take a delivery; a receiver told to be late keeps it and answers when its sender has left."""
    body = request.get_data(as_text=True)
    headers = {key.lower(): value for key, value in request.headers.items()}
    with world().store.transaction() as db:
        told = switches.read(db)
        fails = switches.take(db, "receiver_fail_next") or _dice(told.receiver_fail_percent)
        late = switches.take(db, "receiver_late_next") or _dice(told.receiver_late_percent)
        verified = receptions.verified(receptions.secret_of(db, name), body, headers)
        answered = told.receiver_fail_status if fails else 401 if verified is False else 204
        receptions.keep(
            db, name, body=body, headers=headers, verified=verified, answered=answered, at=time.time()
        )
    if late:
        time.sleep(told.receiver_late_s)
    return ("", answered, {"Retry-After": "1"}) if answered == 429 else ("", answered)


@routes.get("/", strict_slashes=False)
def index() -> AnyResponse:
    with world().store.transaction() as db:
        known = receptions.receivers(db)
    return looks.page("receivers.html", known=known, address=_address("crm"))


@routes.get("/<name>")
def received(name: str) -> AnyResponse:
    with world().store.transaction() as db:
        return looks.page(
            "receiver.html",
            name=name,
            address=_address(name),
            listed=receptions.listed(db, name),
            contacts=receptions.contacts(db, name),
            has_secret=receptions.secret_of(db, name) is not None,
        )


@routes.get("/<name>/rows")
def rows(name: str) -> AnyResponse:
    """The list alone, for the page to renew itself."""
    with world().store.transaction() as db:
        listed = receptions.listed(db, name)
    return looks.fragment("receiver-rows.html", name=name, listed=listed)


@routes.get("/<name>/<int:seq>")
def one(name: str, seq: int) -> AnyResponse:
    with world().store.transaction() as db:
        found = receptions.find(db, name, seq)
    return looks.page("reception.html", name=name, reception=found or abort(404))


@routes.get("/<name>/receptions.json")
def as_json(name: str) -> dict[str, Any]:
    """For tests and tools: every delivery, newest first, and the contacts made of them."""
    with world().store.transaction() as db:
        listed = receptions.listed(db, name, limit=10_000)
        return {"items": [vars(each) for each in listed], "contacts": receptions.contacts(db, name)}


@routes.post("/<name>/secrets")
def tell_secret(name: str) -> AnyResponse:
    """Tell this receiver its secret, so that it verifies what comes from now on."""
    secret = request.form.get("secret", "").strip()
    with world().store.transaction() as db:
        receptions.tell_secret(db, name, secret)
    return redirect(f"/sandbox/receiver/{name}", 303)


@routes.delete("/<name>")
def forget(name: str) -> Response:
    with world().store.transaction() as db:
        receptions.forget(db, name)
    return Response(status=204)


def _address(name: str) -> str:
    return f"{world().settings.public_url.rstrip('/')}/sandbox/receiver/{name}"


def _dice(percent: float) -> bool:
    return bool(percent) and dice.uniform(0, 100) < percent
