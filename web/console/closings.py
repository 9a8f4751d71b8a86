"""Closing a year in the console: what remains, and the years that are closed."""

from calendar import monthrange
from datetime import date, timedelta

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, segment
from web.console.books import Around, around
from web.console.shell import then
from web.ui.forms import Filled

routes = Blueprint("closings", __name__, url_prefix="/<entity_id>/closings")

ACCEPTABLE = ("findings", "unreconciled_days")


@routes.get("/")
def listed(entity_id: str):
    """The closed years, and what remains of the next one."""
    return _page(entity_id, Filled())


@routes.post("/")
def close(entity_id: str):
    """Close it for good."""
    form = Filled(request.form)
    accepts = [kind for kind in ACCEPTABLE if form.value(f"accepts_{kind}")]
    wish = {"last_day": form.value("last_day"), "accepts": accepts, "note": form.value("note")}
    try:
        clients.giving().post(f"/entities/{segment(entity_id)}/closings", wish, timeout_s=60)
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        if "note" in problem.fields:
            form.refuse("note", _("Say in a few words why this is accepted."))
        else:
            form.alert = refusals().get(problem.code, problem.detail)
        return _page(entity_id, form), problem.status
    return then(
        _("The year is closed, and its balance is kept."),
        "console.books.closings.listed",
        entity_id=entity_id,
    )


@routes.get("/<closing_id>")
def show(entity_id: str, closing_id: str):
    """A closed year, with its balance as it stood then."""
    closing = clients.giving().get(f"/entities/{segment(entity_id)}/closings/{segment(closing_id)}")
    return render_template("console/closing.html", told=around(entity_id), closing=closing, checks=checks())


def _page(entity_id: str, form: Filled) -> str:
    told, path = around(entity_id), f"/entities/{segment(entity_id)}"
    closed = clients.giving().get(f"{path}/closings", after=request.args.get("after"), limit=20)
    last_day = next_year(told)
    remains = clients.giving().get(f"{path}/closing-checks", last_day=last_day) if last_day else None
    return render_template(
        "console/closings.html", told=told, closed=closed, remains=remains, form=form, checks=checks()
    )


def next_year(told: Around) -> str | None:
    """Last day of the year to close next; None while that is not over."""
    over = date.fromisoformat(told.books["year_first_day"]) - timedelta(days=1)
    if told.books["closed_until"] is None:
        return over.isoformat()
    closed = date.fromisoformat(told.books["closed_until"])
    following = date(closed.year + 1, closed.month, monthrange(closed.year + 1, closed.month)[1])
    return following.isoformat() if following <= over else None


def checks() -> dict[str, tuple[str, str]]:
    """What may remain, and what to do about it."""
    return {
        "findings": (
            _("Differences with the provider that nobody closed"),
            _("Look at each under Reconciliation."),
        ),
        "unreconciled_days": (
            _("Days that were not compared with the provider"),
            _("Compare under Reconciliation: it goes back 30 days at most."),
        ),
        "unbalanced": (_("Transactions that do not balance"), _("Ask the person who runs the system.")),
        "provisional": (_("Transactions without a number"), _("They are numbered when the year is closed.")),
    }


def refusals() -> dict[str, str]:
    """Why a year is not closed."""
    return {
        "books_not_ready": _("Something remains of this year: look at it, or accept it with a note."),
        "year_not_over": _("This year is not over yet."),
        "year_closed": _("This year is closed already."),
        "no_year_ends_then": _("No fiscal year of this entity ends on that day."),
    }
