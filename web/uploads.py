"""Uploads: the few requests whose body is large, admitted before a byte of it is read.

A large body takes a thread for as long as its sender likes. So it is taken only by a view that says so, only
from somebody with that view's right, and only from so many at once that pages are still answered.
"""

from threading import BoundedSemaphore

from flask import Flask, abort, current_app, g, request

from web import session

FILE_MAX_BYTES = 24_000_000
"""What the directory takes as one file; the gateway lets no more through than this and its form."""
BODY_MAX_BYTES = 25_000_000
LARGE_BYTES = 512 * 1024
"""Up to here the gateway has read a body whole before we see it (deploy/gateway/Caddyfile)."""
AT_ONCE = 2


def takes_file(right: str):
    """Mark a view that takes a large file from those who hold `right`."""

    def mark(view):
        view.takes_file = right
        return view

    return mark


def admit(app: Flask) -> None:
    """Refuse the other large bodies; before anything looks into the form."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    app.extensions["uploads"] = BoundedSemaphore(AT_ONCE)
    app.before_request(_admit)
    app.teardown_request(_let_the_next_in)


def _admit():
    if not _is_large():
        return None
    right = getattr(current_app.view_functions.get(request.endpoint or ""), "takes_file", None)
    if right is None:
        abort(413)
    session.require_answer()
    if session.visitor().person is None:
        return session.redirect_to_sign_in()
    session.require_right(right)
    if not current_app.extensions["uploads"].acquire(blocking=False):
        abort(503, description="uploads")
    g.uploading = True
    return None


def _is_large() -> bool:
    """By what its head says; a body whose length is not told may be."""
    length = request.content_length
    return length > LARGE_BYTES if length is not None else "Transfer-Encoding" in request.headers


def _let_the_next_in(_error) -> None:
    if g.pop("uploading", False):
        current_app.extensions["uploads"].release()
