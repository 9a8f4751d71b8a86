"""The chart of accounts in the console: numbers and names, the SIREN, the first month of the year."""

from babel.dates import get_month_names
from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, segment
from web.console.books import around
from web.console.shell import then
from web.languages import language
from web.ui.forms import Filled

routes = Blueprint("accounts", __name__, url_prefix="/<entity_id>/chart")


@routes.get("/")
def listed(entity_id: str):
    """Every account, by number."""
    return _page(entity_id)


@routes.post("/books")
def keep(entity_id: str):
    """The SIREN and the first month of the fiscal year."""
    form = Filled(request.form)
    month = form.value("fiscal_year_start_month")
    wish = {
        "siren": form.value("siren") or None,
        "fiscal_year_start_month": int(month) if month.isdecimal() and len(month) < 3 else month,
    }
    try:
        clients.giving().put(f"/entities/{segment(entity_id)}/books", wish)
    except Problem as problem:
        if problem.code == "fiscal_year_in_use":
            form.alert = _("Transactions are numbered by fiscal year already: its first month stays.")
        elif problem.status == 422:
            form.errors |= {
                name: _siren() if name == "siren" else text for name, text in problem.fields.items()
            }
        else:
            raise
        return _page(entity_id, form=form), problem.status
    return then(_("Saved."), "console.books.accounts.listed", entity_id=entity_id)


@routes.post("/<account_id>")
def change(entity_id: str, account_id: str):
    """Renumber or rename an account."""
    form = Filled(request.form)
    wish = {name: form.value(name) for name in ("number", "label")}
    try:
        clients.giving().patch(f"/entities/{segment(entity_id)}/accounts/{segment(account_id)}", wish)
    except Problem as problem:
        if problem.code == "number_taken":
            form.refuse("number", _("An account of another kind has this number."))
        elif problem.status == 422:
            form.errors |= {name: _account()[name] for name in problem.fields if name in _account()}
        else:
            raise
        return _page(entity_id, changed=account_id, account=form), problem.status
    return then(
        _("Saved. The entries follow their account."), "console.books.accounts.listed", entity_id=entity_id
    )


def _siren() -> str:
    return _("This is no SIREN: nine digits, of which the last checks the others.")


def _account() -> dict[str, str]:
    return {
        "number": _(
            "A number begins with three digits of the plan comptable, 1 to 8 first, and has at most 15 signs."
        ),
        "label": _("A name begins with a letter or a digit and has at most 100 signs."),
    }


def _page(
    entity_id: str, *, form: Filled | None = None, changed: str = "", account: Filled | None = None
) -> str:
    chart = clients.giving().get(f"/entities/{segment(entity_id)}/accounts")["items"]
    return render_template(
        "console/book_accounts.html",
        told=around(entity_id),
        chart=chart,
        form=form or Filled(),
        changed=changed,
        account=account or Filled(),
        kinds=kinds(),
        months=get_month_names("wide", "stand-alone", locale=language()),
    )


def kinds() -> dict[str, str]:
    """What each account is for."""
    return {
        "bank": _("Bank"),
        "provider": _("Provider’s balance"),
        "suspense": _("Suspense account"),
        "gifts": _("Gifts received"),
        "refunds": _("Refunds"),
        "disputes": _("Disputes"),
        "fees": _("Provider’s fees"),
        "carried": _("Carried over from former years"),
    }
