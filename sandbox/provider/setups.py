"""Setups: a page on which a customer leaves another means of payment, and nothing is paid."""

import sqlite3

from sandbox.provider import checkouts, means, objects
from sandbox.provider.accounts import Merchant
from sandbox.provider.events import tell
from sandbox.provider.objects import Object


def complete(db: sqlite3.Connection, merchant: Merchant, session: Object, name: str, *, at: float) -> Object:
    """The customer keeps the means called `name`; a card that every bank refuses is kept too."""
    method = means.attach(db, merchant, session["customer"], name, at=at)
    given = session["sandbox"]["setup"]
    setup = objects.keep(
        db,
        merchant.account,
        {
            "id": objects.new_id("seti"),
            "object": "setup_intent",
            "created": int(at),
            "customer": session["customer"],
            "description": given.get("description"),
            "livemode": False,
            "metadata": given.get("metadata", {}),
            "payment_method": method["id"],
            "status": "succeeded",
            "usage": "off_session",
        },
    )
    tell(db, merchant, "setup_intent.succeeded", setup, at=at)
    session = objects.change(db, session | {"setup_intent": setup["id"]})
    return checkouts.complete(db, merchant, session, payment_status="no_payment_required", at=at)
