"""My password: set it or change it; every other device is signed out."""

from flask import Blueprint, redirect, render_template, request
from flask_babel import gettext as _

from web import clients
from web.session import signed_in
from web.ui.forms import Filled
from web.ui.notices import say
from web.ui.returns import send_back, sent_back

routes = Blueprint("passwords", __name__, url_prefix="/my/password")


@routes.get("")
@signed_in
def show():
    """The form."""
    return render_template("portal/password.html", form=sent_back() or Filled())


@routes.post("")
@signed_in
def change():
    """Take the new password; what was typed is never shown again."""
    form = Filled({})
    typed = {name: request.form.get(name, "") for name in ("current_password", "password")}
    if not 12 <= len(typed["password"]) <= 128:
        form.refuse("password", _("A password has at least 12 characters."))
        return send_back("/my/password", form)
    try:
        clients.directory().put("/accounts/me/password", typed)
    except clients.Problem as problem:
        if problem.status in {401, 429} or problem.status >= 500:
            raise
        refuse(form, problem)
        return send_back("/my/password", form)
    return say(
        redirect("/my/account", code=303), _("Your password is changed. Other devices are signed out.")
    )


def refuse(form, problem):
    """Which of the two passwords is to blame."""
    if problem.code == "current_password_refused":
        form.refuse("current_password", _("This is not your current password."))
    elif problem.code == "fresh_link_needed":
        fresh = _("To set a first password, sign out and sign in by a new link: it lets you for 15 minutes.")
        form.refuse("password", fresh)
    else:
        weak = _("This password is too easily guessed: take a longer or a more varied one.")
        form.refuse("password", weak)
