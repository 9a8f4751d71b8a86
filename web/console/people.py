"""People: finding one, and one person on a page with what they did over time."""

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from web import clients, session
from web.clients import Problem, segment
from web.console.shell import then, tried
from web.ui.forms import Filled

routes = Blueprint("people", __name__, url_prefix="/people")

NAMES = ("civil_given_name", "preferred_name", "family_name", "birth_name")
EDITED = (*NAMES, "city", "locale")


@routes.get("/")
def listed():
    """Everyone, or who the words name."""
    chosen = {n: request.args[n].strip() for n in ("q", "class_year") if request.args.get(n, "").strip()}
    found = clients.directory().get("/people", **chosen, after=request.args.get("after"), limit=50)
    return render_template("console/people.html", found=found, chosen=chosen)


@routes.get("/<person_id>")
def show(person_id: str):
    """One person: facts, and their story across the services."""
    return page(person_id)


@routes.post("/<person_id>")
def change(person_id: str):
    """Correct what is known of them."""
    form = Filled(request.form)
    wish = {name: form.value(name) or None for name in EDITED if name in form.values}
    try:
        changed = clients.directory().patch(f"/people/{segment(person_id)}", wish)
    except Problem as problem:
        if problem.status not in {409, 422}:
            raise
        form.errors |= {name: _wrong(name, told) for name, told in problem.fields.items()}
        form.alert = "" if problem.fields else problem.detail
        return page(person_id, facts=form), problem.status
    said = _("Saved. Emails, gifts and connected tools follow within seconds.")
    if str(changed["version"]) == form.value("version"):
        said = _("Nothing was different, so nothing was changed.")
    return then(said, "console.people.show", person_id=person_id)


def _wrong(name: str, told: str) -> str:
    """What to say beside a field that was refused."""
    if name not in NAMES:
        return told
    return _("In letters, 100 at most; a full stop only after an initial or an abbreviation: J. Petit.")


def page(person_id: str, *, facts: Filled | None = None, address: Filled | None = None) -> str:
    """The page of a person; `facts` and `address` are the forms that were refused, if one was."""
    may, where = session.visitor().may, segment(person_id)
    person = clients.directory().get(f"/people/{where}")
    gifts = totals = account = None
    if may("giving.read"):
        gifts = tried(clients.giving().get, "/donations", party_id=person_id, limit=20)
        totals = tried(clients.giving().get, "/donation-totals", party_id=person_id)
    if may("rights.manage"):
        account = tried(clients.directory().get, "/accounts", person_id=person_id)
    return render_template(
        "console/person.html",
        person=person,
        degree_lines=[f"{each['programme']} {each['class_year']}" for each in person.get("degrees", ())],
        story=tried(clients.notify().get, f"/timelines/{where}", after=request.args.get("after"), limit=50),
        gifts=gifts,
        totals=totals,
        account=account,
        facts=facts or Filled(),
        address=address or Filled(),
        may=may,
    )
