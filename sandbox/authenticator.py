"""/sandbox/authenticator: the one-time codes of the demo's accounts, in place of somebody's phone."""

import json
import time
from pathlib import Path

from flask import Blueprint
from werkzeug.wrappers import Response

from sandbox import looks
from sandbox.world import world

routes = Blueprint("authenticator", __name__, url_prefix="/sandbox/authenticator")

PERIOD_S = 30


@routes.get("", strict_slashes=False)
def codes() -> Response:
    """The present code of each account in SANDBOX_TOTP_FILE: a list of {"email", "secret", "name"?}."""
    from pyotp import TOTP

    shown = [(each, TOTP(each["secret"]).now()) for each in _accounts(world().settings.sandbox_totp_file)]
    return looks.page(
        "authenticator.html", shown=shown, period=PERIOD_S, left=PERIOD_S - time.time() % PERIOD_S
    )


def _accounts(path: str) -> list[dict[str, str]]:
    if not path or not Path(path).exists():
        return []
    listed = json.loads(Path(path).read_text(encoding="utf-8"))
    return [each for each in listed if each.get("secret")]
