"""A sentence about what was just done, shown on the next page."""

import base64
import binascii
import json

from flask import Flask, g, request

COOKIE = "__Host-notice"
MOST = 1500


def carry(app: Flask) -> None:
    """Show a carried notice once."""
    app.jinja_env.globals["notice"] = read
    app.after_request(_forget)


def say(answer, text: str, *, kind: str = "good"):
    """Have the next page say `text`."""
    content = json.dumps({"text": text[:MOST], "kind": kind}, ensure_ascii=False)
    value = base64.urlsafe_b64encode(content.encode()).decode()
    answer.set_cookie(COOKIE, value, max_age=60, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


def read() -> dict[str, str] | None:
    """The notice carried here, taken out of its cookie."""
    if (carried := request.cookies.get(COOKIE)) is None:
        return None
    g.notice_shown = True
    try:
        told = json.loads(base64.urlsafe_b64decode(carried.encode()))
    except (ValueError, binascii.Error):
        return None
    return told if isinstance(told, dict) and isinstance(told.get("text"), str) else None


def _forget(answer):
    if getattr(g, "notice_shown", False):
        answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    return answer
