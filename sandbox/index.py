"""/sandbox/: where everything is."""

from pathlib import Path

from flask import Blueprint, send_from_directory
from werkzeug.wrappers import Response

from sandbox import looks
from sandbox.world import world

routes = Blueprint("index", __name__, url_prefix="/sandbox")

FONTS = Path(__file__).parents[1] / "web" / "ui" / "vendor"
PLACES = ("mailbox", "receiver", "crm", "authenticator", "traces", "control")


@routes.get("/", strict_slashes=False)
def index() -> Response:
    return looks.page("index.html", places=PLACES, merchants=world().merchants.values())


@routes.get("/fonts/<name>")
def font(name: str) -> Response:
    """The house's two typefaces, from where web keeps them."""
    return send_from_directory(FONTS, name if name.endswith(".woff2") else "none", max_age=86_400)
