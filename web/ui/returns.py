"""A form that must be corrected returns to its page by a redirect.

So the browser's back button and a reload never ask to send it again. What was typed and what is wrong with it
travel in a cookie, sealed for this browser and good for five minutes. The address says which form it shows:
reloading or going back shows the same one, and the page opened anew is empty.
"""

import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask import redirect, request

from web.sealed import GOOD_FOR_S, seal, unseal
from web.ui.forms import Filled

COOKIE = "__Host-form"
MOST_TYPED_BYTES = 400
MOST_COOKIE_BYTES = 4000
"""A browser drops a cookie of more than 4,096 bytes, its name and attributes included, without a word."""


def send_back(to: str, form: Filled, *, keep: Iterable[str] = (), at: str = "what-is-wrong"):
    """To the page at `to`, scrolled to `at`, with what was typed into the fields of `keep` and no others."""
    name = secrets.token_urlsafe(6)
    told = {
        "name": name,
        "values": {field: typed for field in keep if (typed := _short(form.value(field)))},
        "errors": form.errors,
        "alert": form.alert,
    }
    answer = redirect(f"{to}?{urlencode({'form': name})}#{at}", code=303)
    answer.set_cookie(
        COOKIE, _sealed(told), max_age=GOOD_FOR_S, secure=True, httponly=True, samesite="Lax", path="/"
    )
    return answer


def holds(form: Filled, fields: Iterable[str]) -> bool:
    """Whether all that was typed into `fields` would come back whole."""
    values = {field: form.value(field) for field in fields}
    if any(len(typed.encode("utf-8", "replace")) > MOST_TYPED_BYTES for typed in values.values()):
        return False
    return len(seal({"values": values, "errors": form.errors, "alert": form.alert})) < MOST_COOKIE_BYTES - 100


def sent_back() -> Filled | None:
    """The form that this address asks for, as it was sent back; None when it asks for none."""
    told = unseal(request.cookies.get(COOKIE, "")) if "form" in request.args else None
    if told is None or told.get("name") != request.args["form"]:
        return None
    values, errors, alert = (told.get(part) for part in ("values", "errors", "alert"))
    if not isinstance(values, dict) or not isinstance(errors, dict) or not isinstance(alert, str):
        return None
    return Filled(values, errors, alert)


def _sealed(told: dict[str, Any]) -> str:
    """`told` in a cookie that a browser keeps: the longest typed value goes first."""
    told = {**told, "values": dict(told["values"]), "errors": dict(told["errors"])}
    while len(sealed := seal(told)) > MOST_COOKIE_BYTES:
        longest = told["values"] or told["errors"]
        if not longest:
            break
        del longest[max(longest, key=lambda name: len(longest[name].encode("utf-8", "replace")))]
    return sealed


def _short(typed: str) -> str:
    return typed.encode("utf-8", "replace")[:MOST_TYPED_BYTES].decode("utf-8", "ignore")
