"""Payouts in the console: what the provider sent to the bank, and the gifts in each transfer."""

from flask import Blueprint, render_template, request

from web import clients
from web.clients import segment
from web.console.books import around

routes = Blueprint("payouts", __name__, url_prefix="/<entity_id>/payouts")


@routes.get("/")
def listed(entity_id: str):
    """Payouts, the newest first."""
    path = f"/entities/{segment(entity_id)}/payouts"
    found = clients.giving().get(path, after=request.args.get("after"), limit=50)
    return render_template("console/payouts.html", told=around(entity_id), found=found)


@routes.get("/<payout_id>")
def show(entity_id: str, payout_id: str):
    """One payout: what it is made of."""
    path = f"/entities/{segment(entity_id)}/payouts/{segment(payout_id)}"
    payout = clients.giving().get(path)
    gifts = clients.giving().get(f"{path}/gifts", after=request.args.get("after"), limit=50)
    return render_template("console/payout.html", told=around(entity_id), payout=payout, gifts=gifts)
