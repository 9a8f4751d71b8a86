"""My authenticator app: the second step that the console asks for."""

import segno
from flask import Blueprint, g, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup

from web import clients, session
from web.sealed import seal, unseal
from web.session import signed_in
from web.ui.forms import Filled
from web.ui.returns import send_back, sent_back

routes = Blueprint("authenticators", __name__, url_prefix="/my/authenticator")
WHERE = "/accounts/me/authenticator"


@routes.get("")
@signed_in
def show():
    """First the password: a session left open must not be enough."""
    return render_template("portal/authenticator.html", form=sent_back() or Filled(), told=None)


@routes.post("")
@signed_in
def begin():
    """A new secret, to be scanned or typed into the app."""
    form = Filled({})
    try:
        told = clients.directory().post(WHERE, {"password": request.form.get("password", "")})
    except clients.Problem as problem:
        if problem.status in {401, 429} or problem.status >= 500:
            raise
        refuse(form, problem)
        return send_back("/my/authenticator", form)
    return ask_code(form, told)


@routes.post("/code")
@signed_in
def confirm():
    """The app works: the recovery codes are shown this once."""
    form = Filled({})
    told = unseal(request.form.get("sealed", ""))
    if told is None:
        form.alert = _("This step took too long. Begin again, please.")
        return send_back("/my/authenticator", form)
    try:
        code = "".join(request.form.get("totp", "").split())
        codes = clients.directory().post(f"{WHERE}/confirmations", {"code": code})["recovery_codes"]
    except clients.Problem as problem:
        if problem.status not in {409, 422}:
            raise
        form.refuse("totp", _("This code is not right, or no longer. Write the one that the app shows now."))
        return ask_code(form, told), 422
    session.forget()
    g.page_address = "/my/account"
    return render_template("portal/recovery_codes.html", codes=codes)


def refuse(form, problem):
    """Why no secret was given."""
    if problem.code == "authenticator_there":
        form.alert = _("You have an authenticator already. A colleague who manages rights can take it away.")
    else:
        form.refuse("password", _("This is not your password."))


def ask_code(form, told):
    """Step two; the secret stays sealed in the page until the code is right."""
    drawn = segno.make(told["uri"], error="m").svg_inline(scale=5, border=2, light="#fff", dark="#1d2433")
    g.page_address = "/my/authenticator"
    sealed = seal({"secret": told["secret"], "uri": told["uri"]})
    return render_template(
        "portal/authenticator.html", form=form, told=told, drawn=Markup(drawn), sealed=sealed
    )
