"""The HTTP side of the sandbox."""

from flask import Flask, abort, request
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound
from werkzeug.wrappers import Response

from sandbox import authenticator, control, index, looks
from sandbox.crm import api as crm_api
from sandbox.crm import pages as crm
from sandbox.mailbox import pages as mailbox
from sandbox.provider import api, history, page
from sandbox.receiver import pages as receiver
from sandbox.traces import pages as traces
from sandbox.world import World

BODY_MAX = 1024 * 1024


def create_app(world: World) -> Flask:
    """Everything under /sandbox, the provider's API under /v1 and the CRM's under /civicrm."""
    app = Flask(__name__, static_url_path="/sandbox/static")
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX
    app.extensions["sandbox"] = world
    app.get("/healthz")(lambda: {"status": "alive"})
    parts = (api, page, history, control, mailbox, receiver, crm_api, crm, authenticator, traces, index)
    for part in parts:
        app.register_blueprint(part.routes)
    app.before_request(refuse_other_sites)
    app.after_request(looks.guarded)
    app.register_error_handler(NotFound, missing)
    app.register_error_handler(InternalServerError, broken)
    return app


def refuse_other_sites() -> None:
    """Only the sandbox's own pages, and programs, change anything."""
    if request.method not in {"GET", "HEAD"} and looks.from_elsewhere():
        abort(403)


def missing(error: HTTPException) -> Response:
    return api.unknown_route() if request.path.startswith("/v1/") else looks.page("gone.html", status=404)


def broken(error: HTTPException) -> Response:
    """What nobody foresaw, a full disk above all; its traceback is in the log."""
    return api.broken() if request.path.startswith("/v1/") else looks.page("broken.html", status=503)
