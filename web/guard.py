"""What protects the person at the browser: headers on every answer, and no act forged by another site.

A request that changes something must come from our own pages: the browser says so in `Sec-Fetch-Site` (or
`Origin`, for the older ones), and the page sends back a token derived from a cookie that no script and no
other site can read.
"""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, request

COOKIE = "__Host-visitor"
FIELD, HEADER = "csrf", "X-Csrf-Token"
SAFE = {"GET", "HEAD", "OPTIONS"}
CONTENT_POLICY = {
    "default-src": "'none'",
    "script-src": "'nonce-{nonce}'",
    "style-src": "'self'",
    "font-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self' {checkouts}",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
ONLY_HTTPS = "max-age=31536000"


def protect(app: Flask) -> None:
    """Refuse forged requests, and put the headers on every answer."""
    app.before_request(_refuse_forgeries)
    app.after_request(_put_headers)
    app.jinja_env.globals.update(csrf=token, nonce=lambda: g.nonce)


def token() -> str:
    """What our own forms send back; derived from the visitor's cookie."""
    return derived("our own form")


def derived(*names: str) -> str:
    """A name made from the visitor's cookie and `names`: stable in this browser, unknown to any other."""
    return hmac.new(_visitor_id().encode(), "\n".join(names).encode(), hashlib.sha256).hexdigest()


def visitor_name() -> str:
    """The browser's own name at the services (for idempotency and limits); tells nothing of the cookie.

    Empty for a browser that holds none yet: asking for what everyone sees gives nobody a cookie.
    """
    if not hasattr(g, "visitor_id") and COOKIE not in request.cookies:
        return ""
    return hashlib.sha256(_visitor_id().encode()).hexdigest()[:32]


def sealing_key() -> bytes:
    """A key that only this browser's cookie yields, for what a form must carry unread."""
    return hmac.new(_visitor_id().encode(), b"sealed in a form", hashlib.sha256).digest()


def allow(directive: str, sources: str) -> None:
    """Widen the content policy of this one answer (the frame of a stored email, say)."""
    g.content_policy = {**getattr(g, "content_policy", {}), directive: sources}


def let_others_frame() -> None:
    """Let pages of others show this one answer inside them."""
    g.framed_by_others = True
    allow("frame-ancestors", "*")


def name_the_request() -> None:
    """A reference for logs, error pages and the services, and the nonce of this answer's scripts."""
    given = request.headers.get("X-Request-Id", "")
    is_a_name = 8 <= len(given) <= 64 and given.isascii() and given.replace("-", "").isalnum()
    g.reference = given if is_a_name else secrets.token_hex(6)
    g.nonce = secrets.token_urlsafe(16)


def _refuse_forgeries() -> None:
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        abort(403, description="forged")
    if site is None and not _same_origin(request.headers.get("Origin", "")):
        abort(403, description="forged")
    told = request.headers.get(HEADER) or request.form.get(FIELD, "")
    held = request.cookies.get(COOKIE, "")
    if not held or not hmac.compare_digest(told.encode("utf-8", "replace"), token().encode()):
        abort(403, description="stale")


def _same_origin(origin: str) -> bool:
    ours, theirs = urlsplit(current_app.extensions["settings"].public_url), urlsplit(origin)
    return bool(origin) and (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)


def _visitor_id() -> str:
    if not hasattr(g, "visitor_id"):
        held = request.cookies.get(COOKIE, "")
        g.visitor_id = held if 20 <= len(held) <= 64 else secrets.token_urlsafe(24)
    return g.visitor_id


def _put_headers(answer):
    for name, value in ALWAYS.items():
        answer.headers.setdefault(name, value)
    if hasattr(g, "framed_by_others"):
        del answer.headers["X-Frame-Options"]
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if current_app.extensions["settings"].public_url.startswith("https://"):
        answer.headers["Strict-Transport-Security"] = ONLY_HTTPS
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    if answer.mimetype == "text/html":
        answer.headers["Content-Security-Policy"] = _content_policy()
    if "Cache-Control" not in answer.headers:
        answer.headers["Vary"] = "Cookie, Accept-Language"
        private = getattr(g, "visitor", None) is not None and g.visitor.token
        answer.headers["Cache-Control"] = "no-store" if private else "private, no-cache"
    if hasattr(g, "visitor_id") and request.cookies.get(COOKIE) != g.visitor_id:
        answer.set_cookie(COOKIE, g.visitor_id, secure=True, httponly=True, samesite="Lax", path="/")
    if hasattr(g, "reference"):
        answer.headers["X-Request-Id"] = g.reference
    return answer


def _content_policy() -> str:
    settings = current_app.extensions["settings"]
    parts = {**CONTENT_POLICY, **getattr(g, "content_policy", {})}
    policy = "; ".join(f"{name} {sources}" for name, sources in parts.items())
    return policy.format(nonce=getattr(g, "nonce", ""), checkouts=settings.checkout_origins).strip()
