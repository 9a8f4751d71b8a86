"""Visits: when this person was last at the console in this browser, so that home says what is new since.

A visit goes on while pages are asked for at most half an hour apart. The browser keeps two times and a mark
of whose they are; a page that asks by itself does not prolong a visit.
"""

import time
from datetime import UTC, datetime

from flask import request

from web import guard, session

COOKIE = "__Host-visit"
APART_S = 1800
A_YEAR_S = 365 * 24 * 3600


def previous() -> datetime | None:
    """When the visit before this one ended; None when this browser knows of none."""
    ended, _ = _times()
    return datetime.fromtimestamp(ended, UTC) if ended else None


def note(answer):
    """Keep that they are here now."""
    if request.headers.get("HX-Request") or session.visitor().person is None:
        return answer
    ended, _ = _times()
    kept = f"{_mark()}.{ended}.{int(time.time())}"
    answer.set_cookie(COOKIE, kept, max_age=A_YEAR_S, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


def _times() -> tuple[int, int]:
    """When the visit before this one ended (0: unknown), and when they were last seen."""
    mark, *times = request.cookies.get(COOKIE, "").split(".")
    if mark != _mark() or len(times) != 2 or not all(_is_past(each) for each in times):
        return 0, 0
    ended, seen = map(int, times)
    return (seen if time.time() - seen > APART_S else ended), seen


def _is_past(written: str) -> bool:
    return written.isascii() and written.isdigit() and len(written) < 12 and int(written) <= time.time()


def _mark() -> str:
    """Whose times these are: several people may use one browser."""
    person = session.visitor().person or {}
    return guard.derived("visits to the console", str(person.get("id", "")))[:16]
