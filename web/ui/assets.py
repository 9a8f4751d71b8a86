"""Assets: styles, scripts, type and pictures, at addresses that change with their content.

An address holds the hash of what it answers, so that browsers keep it for a year and never ask again,
and a new release is seen at once. Addresses inside a style sheet are rewritten to the hashed ones.
"""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, request

HERE = Path(__file__).parent
FOLDERS = (HERE / "vendor", HERE / "static" / "css", HERE / "static" / "js", HERE / "static" / "pictures")
KINDS = {".woff2": "font/woff2", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
ADDRESS = re.compile(r"url\(([\w.-]+\.(?:woff2|svg))\)")
FOR_GOOD = "public, max-age=31536000, immutable"

assets = Blueprint("assets", __name__, url_prefix="/assets")


@dataclass(frozen=True)
class Asset:
    """One file as it is served."""

    address: str
    body: bytes
    kind: str


@cache
def read(folders: tuple[Path, ...] = FOLDERS) -> dict[str, Asset]:
    """Every asset by its plain name; style sheets last, for they name the others."""
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in KINDS]
    found: dict[str, Asset] = {}
    for path in sorted(files, key=lambda path: path.suffix == ".css"):
        found[path.name] = _asset(path, found)
    return found


def serve(app: Flask) -> None:
    """Answer /assets/… and give templates `asset('portal.css')`."""
    found = read()
    by_address = {each.address: each for each in found.values()}
    app.extensions["assets"] = by_address
    app.jinja_env.globals["asset"] = lambda name: found[name].address
    app.register_blueprint(assets)
    mimetypes.add_type("font/woff2", ".woff2")


@assets.get("/<path:name>")
def show(name: str) -> Response:
    """One asset, for a year."""
    asset = current_app.extensions["assets"].get(request.path)
    if asset is None:
        abort(404)
    answer = Response(asset.body, content_type=asset.kind)
    answer.headers["Cache-Control"] = FOR_GOOD
    answer.set_etag(asset.address.split(".")[-2])
    return answer.make_conditional(request)


def _asset(path: Path, found: dict[str, Asset]) -> Asset:
    body = path.read_bytes()
    kind = KINDS[path.suffix]
    if path.suffix == ".css":
        body = ADDRESS.sub(lambda named: f"url({found[named[1]].address})", body.decode()).encode()
    if path.suffix in {".css", ".js", ".svg"}:
        kind += "; charset=utf-8"
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Asset(f"/assets/{path.stem}.{digest}{path.suffix}", body, kind)
