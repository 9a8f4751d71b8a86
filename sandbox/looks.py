"""How the sandbox's pages look and speak: language, words, headers."""

import time
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Response, g, render_template, request

from sandbox.words import WORDS
from shared import i18n
from shared.clock import ZONE
from shared.typography import french

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


def language() -> str:
    """`?lang=`, else what was chosen before, else what the browser prefers."""
    chosen = request.args.get("lang") or request.cookies.get("sandbox-lang")
    return chosen if chosen in i18n.LOCALES else _preferred()


def _preferred() -> str:
    return request.accept_languages.best_match(i18n.LOCALES, default=i18n.DEFAULT)


def word(name: str, *, language: str | None = None, **values: Any) -> str:
    """The words called `name` in the page's language, or another."""
    told = language or g.language
    said = WORDS[name][0 if told == "fr" else 1].format(**values)
    return french(said) if told == "fr" else said


def page(
    template: str,
    *,
    status: int = 200,
    lang: str | None = None,
    leads_to: tuple[str, ...] = (),
    **values: Any,
) -> Response:
    """The rendered page; its forms may end in a redirect to `leads_to`, and nowhere else."""
    g.language = lang or language()
    response = Response(render_template(template, t=word, lang=g.language, moment=moment, **values), status)
    origins = {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, leads_to) if parts.netloc}
    response.headers["Content-Security-Policy"] = " ".join([POLICY, *sorted(origins)])
    if request.args.get("lang") in i18n.LOCALES:
        response.set_cookie("sandbox-lang", g.language, samesite="Lax", path="/sandbox")
    return response


def fragment(template: str, **values: Any) -> Response:
    """A piece of a page, that its script fetches again; 304 when nothing moved."""
    g.language = language()
    response = Response(render_template(template, t=word, lang=g.language, moment=moment, **values))
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return response.make_conditional(request)


def moment(at: float) -> str:
    """The time as people here read it: the hour for today, the day before that."""
    when, now = (datetime.fromtimestamp(each, ZONE) for each in (at, time.time()))
    day = "" if when.date() == now.date() else f"{when:%d/%m} " if g.language == "fr" else f"{when:%d %b} "
    return f"{day}{when:%H:%M:%S}"


def guarded(response: Response) -> Response:
    """Headers of every answer under /sandbox."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response


def from_elsewhere() -> bool:
    """Whether another site's page makes the browser send this."""
    return request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
