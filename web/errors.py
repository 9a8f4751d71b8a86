"""Pages for when something went wrong: what happened, what is safe, what to do, and a reference."""

from flask import Flask, g, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from shared.telemetry import log
from web import observed
from web.clients import Problem, ServiceDown
from web.session import redirect_to_sign_in


def explain(app: Flask) -> None:
    """Answer every error with a page in the person's language."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(ServiceDown, _down)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(Exception, _unexpected)


def page(status: int, title: str, what: str, todo: str = "", **headers: str):
    """One error page; a fragment asked by a live page gets one sentence."""
    g.setdefault("reference", "")
    if request.headers.get("HX-Request"):
        body = f'<p class="alert" role="alert">{title}</p>'
        return body, status, {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML", **headers}
    body = render_template("ui/error.html", status=status, title=title, what=what, todo=todo)
    return body, status, {"Cache-Control": "no-store", **headers}


def _http(error: HTTPException):
    status = error.code or 500
    if status < 400:
        return error
    if status == 403 and error.description in {"forged", "stale"}:
        return page(
            403,
            _("This page was open for too long"),
            _("For your safety nothing was sent, and nothing was paid."),
            _("Go back, reload the page and try again. Cookies must be allowed for this site."),
        )
    if status == 503 and error.description == "uploads":
        return page(
            503,
            _("Other files are being received"),
            _("Two files at a time are read, so that the pages stay quick. Yours was not kept."),
            _("Go back and send it again in a minute."),
            **{"Retry-After": "60"},
        )
    return page(status, *_words(status))


def _words(status: int) -> tuple[str, str, str]:
    if status == 404:
        return (
            _("This page does not exist"),
            _("The address may be incomplete, or the page was moved."),
            _("Start again from the home page."),
        )
    if status == 403:
        return (
            _("This page is not open to you"),
            _("Your account does not have the right that it needs."),
            _("Ask the person who manages rights in your team."),
        )
    if status == 413:
        return (
            _("This is more than can be received at once"),
            _("Nothing was changed, and nothing was paid."),
            _("Go back and send a smaller file, or a shorter text."),
        )
    if status in {405, 400, 415, 422}:
        return (
            _("We could not understand this request"),
            _("Nothing was changed, and nothing was paid."),
            _("Go back and try again."),
        )
    return (
        _("Something went wrong on our side"),
        _("The fault is ours; it has been recorded."),
        _("Try again in a moment. If you were giving, look at your emails before you pay again."),
    )


def _down(error: ServiceDown):
    log.warning("service down", part=error.service)
    return page(
        503,
        _("This part is resting for a moment"),
        _("A part of the site does not answer. Nothing was lost; a payment already made is safe."),
        _("Try again in a minute."),
        **{"Retry-After": str(error.retry_after_s)},
    )


def _problem(problem: Problem):
    if problem.status == 401:
        return redirect_to_sign_in()
    if problem.status == 429:
        wait_s = max(1, problem.retry_after_s)
        return page(
            429,
            _("That was a lot at once"),
            _("For everyone's safety we count requests from one place."),
            _("Try again in %(seconds)s seconds.", seconds=wait_s),
            **{"Retry-After": str(wait_s)},
        )
    if problem.status in {403, 404}:
        return page(problem.status, *_words(problem.status))
    observed.failed(problem)
    return page(500, *_words(500))


def _unexpected(error: Exception):
    observed.failed(error)
    return page(500, *_words(500))
