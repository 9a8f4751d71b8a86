"""A form that must be corrected returns to its page by a redirect.

So the browser's back button and a reload never ask to send it again. What was typed and what is wrong with it
travel in a cookie, sealed for this browser and good for five minutes. The address says which form it shows:
reloading or going back shows the same one, and the page opened anew is empty.
"""

import secrets
from collections.abc import Iterable
from urllib.parse import urlencode

from flask import redirect, request

from web.sealed import GOOD_FOR_S, seal, unseal
from web.ui.forms import Filled

COOKIE = "__Host-form"
MOST_TYPED_BYTES = 400


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
        COOKIE, seal(told), max_age=GOOD_FOR_S, secure=True, httponly=True, samesite="Lax", path="/"
    )
    return answer


def sent_back() -> Filled | None:
    """The form that this address asks for, as it was sent back; None when it asks for none."""
    told = unseal(request.cookies.get(COOKIE, "")) if "form" in request.args else None
    if told is None or told.get("name") != request.args["form"]:
        return None
    return Filled(told["values"], told["errors"], told["alert"])


def _short(typed: str) -> str:
    return typed.encode("utf-8", "replace")[:MOST_TYPED_BYTES].decode("utf-8", "ignore")
