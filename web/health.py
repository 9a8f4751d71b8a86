"""Is web alive, and is the whole system ready? The public answer is one word."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from flask import Blueprint, current_app

from web import clients

routes = Blueprint("health", __name__)
WORDS = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
ASKED_AGAIN_AFTER_S = 0.5


@routes.get("/healthz")
def alive():
    """This process answers."""
    return "alive", 200, WORDS


@routes.get("/readyz")
def ready():
    """Every service and every part of web is ready; never the reasons, for this page is public."""
    if all_ready():
        return "ready", 200, WORDS
    return "not ready", 503, WORDS


def all_ready() -> bool:
    """Ask all parts at once; the answer is kept half a second, whoever asks."""
    kept = current_app.extensions.setdefault("readiness", {"at": -1.0, "ready": False})
    if time.monotonic() - kept["at"] > ASKED_AGAIN_AFTER_S:
        live_url = current_app.extensions["settings"].live_url
        parts = [service.is_ready for service in clients.services().values()]
        parts += [lambda: _answers(f"{live_url}/healthz")] if live_url else []
        with ThreadPoolExecutor(len(parts)) as threads:
            kept["ready"] = all(list(threads.map(lambda part: part(), parts)))
        kept["at"] = time.monotonic()
    return kept["ready"]


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0).status_code == 200
    except httpx.HTTPError:
        return False
