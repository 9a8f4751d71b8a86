"""Signing in: a link sent by email first, or a password; and a code from an app for the staff."""

from urllib.parse import urlsplit

from flask import Blueprint, g, make_response, redirect, render_template, request
from flask_babel import gettext as _

from web import clients, session
from web.languages import language
from web.sealed import seal, unseal
from web.session import visitor
from web.ui.forms import Filled, looks_like_email
from web.ui.notices import say
from web.ui.returns import send_back, sent_back

routes = Blueprint("sign_in", __name__)
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrom": "Chrome", "Safari": "Safari"}
MACHINES = ("iPhone", "iPad", "Android", "Windows", "Mac", "Linux")


@routes.get("/sign-in")
def show():
    """One way in, an emailed link unless `by=password`, and the other a press away; who is in goes on."""
    if visitor().person:
        return redirect(after(request.args.get("next", "")), code=303)
    return page(sent_back() or Filled({name: request.args.get(name, "") for name in ("next", "by")}))


@routes.post("/sign-in")
def send_link():
    """Have a link sent; the answer is the same for every address."""
    form = Filled(request.form)
    email = read_email(form)
    if not form.is_good:
        return correct(form)
    wish = {"email": email, "locale": language()}
    if path := local_path(form.value("next")):
        wish["next"] = path
    try:
        clients.directory().post("/sign-in-links", wish, token=None)
    except (clients.Problem, clients.ServiceDown) as error:
        return trouble(form, error)
    return send_back("/sign-in/sent", form, keep=["email"], at="main")


@routes.get("/sign-in/sent")
def sent():
    """What to do now; the way in again, once this is forgotten."""
    form = sent_back()
    if form is None:
        return redirect("/sign-in", code=303)
    return render_template("portal/link_sent.html", email=form.value("email"))


@routes.post("/sign-in/password")
def with_password():
    """Sign in with a password; the staff are asked for a code next."""
    form = Filled(request.form)
    email, password = read_email(form), request.form.get("password", "")
    if not password:
        form.refuse("password", _("Write your password."))
    if not form.is_good:
        return correct(form)
    return enter(form, {"email": email, "password": password})


@routes.post("/sign-in/code")
def with_code():
    """The second step of the staff: the code that their app shows."""
    form = Filled(request.form)
    known = unseal(request.form.get("sealed", ""))
    if known is None:
        form.alert = _("This step took too long. Sign in again, please.")
        return correct(form)
    code = "".join(form.value("totp").split())
    if not 6 <= len(code) <= 30:
        form.refuse("totp", _("The code has six digits; a recovery code is longer."))
        return code_page(form, known), 422
    return enter(form, known | {"totp": code})


@routes.get("/l/sign-in/<link>")
def land(link):
    """Where the emailed link leads: a button, for mail scanners follow links and must not use them up."""
    return private(render_template("portal/link_landing.html", link=link))


@routes.post("/l/sign-in/<link>")
def use_link(link):
    """Sign in by the emailed link, once."""
    try:
        opened = clients.directory().post("/sessions", {"link": link, "device": device()}, token=None)
    except clients.Problem as problem:
        if problem.status >= 500 or problem.status == 429:
            raise
        return private(render_template("portal/link_spent.html")), 422
    return private(welcome(opened, opened.get("next") or ""))


@routes.post("/sign-out")
def leave():
    """End the session, here and at the directory."""
    return say(session.end(redirect("/", code=303)), _("You are signed out."))


def enter(form, known):
    """Open a session with what is known so far."""
    try:
        opened = clients.directory().post("/sessions", known | {"device": device()}, token=None)
    except clients.Problem as problem:
        if problem.code == "totp_required":
            return code_page(Filled(form.values), known)
        if problem.status == 401 and "totp" in known:
            wrong = _("This code is not right, or no longer. Write the one that the app shows now.")
            form.refuse("totp", wrong)
            return code_page(form, known), 422
        if problem.status == 401:
            form.alert = _("This address and this password do not go together.")
            return correct(form)
        return trouble(form, problem)
    except clients.ServiceDown as down:
        return trouble(form, down)
    return welcome(opened, form.value("next"))


def welcome(opened, where):
    """Signed in: go on to where the person wanted to go."""
    if opened.get("authenticator_missing"):
        answer = redirect("/my/authenticator", code=303)
        sentence = _("One thing is missing before the console opens: an authenticator app.")
        return session.begin(say(answer, sentence), opened)
    found = session.exchange(opened["secret"])
    answer = redirect(after(where, is_staff=found.is_staff), code=303)
    return session.begin(answer, opened)


def page(form):
    """The sign-in page."""
    by_password = form.value("by") == "password"
    return render_template("portal/sign_in.html", form=form, by_password=by_password)


def correct(form):
    """Back to the sign-in page, with what was typed but for secrets, and what is wrong with it."""
    return send_back("/sign-in", form, keep=("email", "next", "by"))


def code_page(form, known):
    """The page that asks for the code; what was given so far is sealed for this browser alone."""
    g.page_address = "/sign-in"
    return private(render_template("portal/sign_in_code.html", form=form, sealed=seal(known)))


def trouble(form, error):
    """The directory cannot answer now, or was asked too often."""
    if isinstance(error, clients.Problem) and error.status == 422:
        form.refuse("email", _("This address looks incomplete, like name@example.org."))
        return correct(form)
    if isinstance(error, clients.Problem) and error.status == 429:
        wait_min = max(1, round(error.retry_after_s / 60))
        form.alert = _("Too many tries. Wait %(minutes)s min, then try again.", minutes=wait_min)
        return correct(form)
    form.alert = _(
        "Signing in does not work at the moment. Try again in a minute. You can give without an account."
    )
    return correct(form)


def device():
    """The browser and its machine, in words, from what the browser says of itself."""
    said = request.headers.get("User-Agent", "")
    browser = next((name for sign, name in BROWSERS.items() if sign in said), "")
    machine = next((name for name in MACHINES if name in said), "")
    return " · ".join(filter(None, (browser, machine))) or None


def read_email(form):
    """The typed address; what is wrong with it is written into the form."""
    email = form.value("email")
    if not email:
        form.refuse("email", _("Write your email address."))
    elif not looks_like_email(email):
        form.refuse("email", _("This address looks incomplete, like name@example.org."))
    return email


def after(where, is_staff=None):
    """A page of ours to go on to: the one asked for, else the console for staff, else one's gifts."""
    staff = visitor().is_staff if is_staff is None else is_staff
    return local_path(where) or ("/console/" if staff else "/my/gifts")


def local_path(where):
    """`where` if it is a path on this site, else nothing: nobody is sent away by our own page."""
    if len(where) >= 500:  # before it is read: marks after marks are read in the square of their number
        return ""
    parts = urlsplit(where)
    plain = where.startswith("/") and not where.startswith(("//", "/\\")) and "\\" not in where
    return where if plain and not parts.netloc and where.isprintable() else ""


def private(answer):
    """Neither stored nor passed on in a referrer."""
    answer = make_response(answer)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
