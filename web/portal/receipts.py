"""Receipts as the world sees them: the page that a receipt's code leads to."""

from flask import Blueprint, g, render_template

from web import clients

routes = Blueprint("receipts", __name__, url_prefix="/r")


@routes.after_request
def keep_nothing(answer):
    """What a code confirms may change: a receipt can be voided."""
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


@routes.get("/<code>")
def check(code):
    """Number, date and amount of a receipt, and whether it still counts; of no person."""
    receipt = clients.giving().get(f"/receipt-checks/{clients.segment(code)}")
    g.page_address = f"/r/{clients.segment(code)}"
    return render_template("portal/receipt_check.html", receipt=receipt)
