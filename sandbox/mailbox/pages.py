"""/sandbox/mailbox/: every email that was sent, as its reader sees it."""

import io
from typing import Any

from flask import Blueprint, Response, abort, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from sandbox import looks
from sandbox.mailbox import letters
from sandbox.mailbox.letters import Letter
from sandbox.world import world

routes = Blueprint("mailbox", __name__, url_prefix="/sandbox/mailbox")

# Scripts never run; links open in a new tab, so that a person can follow them as from a real mailbox.
INSIDE = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data: http: https:; frame-ancestors 'self'"
)


@routes.get("/")
def index() -> AnyResponse:
    return looks.page("mailbox.html", found=_found(), like=_like(), fragment=_fragment_url())


@routes.get("/rows")
def rows() -> AnyResponse:
    """The list alone, for the page to renew itself."""
    return looks.fragment("mailbox-rows.html", found=_found(), like=_like())


@routes.get("/<int:seq>")
def letter(seq: int) -> AnyResponse:
    return looks.page("letter.html", letter=_letter(seq))


@routes.get("/<int:seq>/html")
def html(seq: int) -> Response:
    """The HTML of an email, alone in a frame that can do nothing but open links."""
    body = _letter(seq).html
    response = Response(f'<base target="_blank">{body}' if body else abort(404), mimetype="text/html")
    response.headers["Content-Security-Policy"] = INSIDE
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@routes.get("/<int:seq>/raw")
def raw(seq: int) -> Response:
    return Response(_letter(seq).raw, content_type="text/plain; charset=utf-8")


@routes.get("/<int:seq>/attachments/<int:place>")
def attachment(seq: int, place: int) -> Response:
    kept = _letter(seq).attachments
    if place >= len(kept):
        abort(404)
    name, kind, content = kept[place]
    return send_file(io.BytesIO(content), mimetype=kind, as_attachment=True, download_name=name)


@routes.get("/emails.json")
def as_json() -> dict[str, Any]:
    """For tests and tools: `?q=` as on the page, newest first."""
    with world().store.transaction() as db:
        found = letters.listed(db, like=_like(), before=request.args.get("before", type=int), limit=_limit())
    return {"items": [_dumped(each) for each in found]}


def _dumped(each: Letter) -> dict[str, Any]:
    return {
        "seq": each.seq,
        "at": each.at,
        "sender": each.sender,
        "recipients": each.recipients,
        "subject": each.subject,
        "message_id": each.message_id,
        "text": each.text,
        "html": each.html,
        "headers": each.headers,
    }


def _letter(seq: int) -> Letter:
    with world().store.transaction() as db:
        found = letters.find(db, seq)
    return found or abort(404)


def _found() -> list[Letter]:
    with world().store.transaction() as db:
        return letters.listed(db, like=_like(), before=request.args.get("before", type=int))


def _like() -> str:
    return request.args.get("q", "").strip()[:200]


def _limit() -> int:
    return max(1, min(request.args.get("limit", 100, type=int), 1000))


def _fragment_url() -> str:
    return f"/sandbox/mailbox/rows?{request.query_string.decode('ascii', 'ignore')}"
