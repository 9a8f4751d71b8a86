"""A service's application: its blueprints, and all that every service has in common."""

import ipaddress
import re
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request
from marshmallow import Schema, fields
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from shared import auth, current, docs, health, migrate, openapi, problems, system, telemetry
from shared.errors import DomainError
from shared.http import Api, Blueprint
from shared.keys import PublicKeys
from shared.money import Minor

if TYPE_CHECKING:
    from shared.db import Database
    from shared.settings import Settings

log = telemetry.log
PRIVATE_NAMES = (".localhost", ".local", ".internal", ".test", ".home.arpa")
REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")


class PolicyMissing(Exception):
    """A route of the application declares no policy; the process does not start."""


class DemoInPublic(SystemExit):
    """The demo's doors (stored mailbox, known sign-ins, play money) would stand open to the internet."""


class SmallInteger(IntegerConverter):
    """Whole numbers in paths that fit a bigint; longer ones match no route."""

    regex = r"\d{1,18}"


def create_service(
    name: str,
    settings: "Settings",
    *,
    blueprints: Iterable[Blueprint],
    database: "Database",
    keys: PublicKeys | None = None,
    live_rights: auth.LiveRights | None = None,
    steps: system.Steps | None = None,
    waits: system.Waits | None = None,
    refused: system.Refused | None = None,
    for_staff: system.ForStaff | None = None,
    package: str | None = None,
    webhooks: Mapping[str, type[Schema]] | None = None,
) -> Flask:
    """The application of the service `name`, in `package` (`services.<name>`).

    `steps` are its own steps in the path of a fact, `waits` what it sends out and since when the oldest of it
    waits, `refused` how many of that were refused for good in the last hours,
    `for_staff` what waits for a person beside dead letters (shared/system.py).
    `webhooks` are what it posts to others, by type.
    The directory gives its own `keys` and `live_rights`; the others ask it.
    """
    _refuse_public_demo(settings)
    telemetry.setup(settings)
    app = Flask(f"services.{name}", static_folder=None)
    app.url_map.converters["int"] = SmallInteger
    app.url_map.merge_slashes = False
    app.config.update(_CONFIG, **_openapi(name))
    fetched_keys, asked = auth.ask_directory(settings.directory_url)
    keeper = auth.Doorkeeper(name, keys or fetched_keys, live_rights or asked)
    revision = migrate.head(package or f"services.{name}")
    app.extensions[current.EXTENSION] = current.Service(
        name, settings, database, keeper, revision, steps, waits, refused, for_staff
    )
    _handle_errors(app)
    api = Api(app)
    for scheme, told in openapi.SCHEMES.items():
        api.spec.components.security_scheme(scheme, told)
    api.register_field(Minor, fields.Integer)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    api.register_blueprint(system.routes, url_prefix=f"/api/v1/{name}")
    health.add(app)
    docs.add(app, api, name, public_url=settings.public_url, webhooks=webhooks or {})
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(lambda _: telemetry.end())
    telemetry.instrument(app)
    _check_policies(app)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=0, x_host=0)  # type: ignore[method-assign]
    return app


def _refuse_public_demo(settings: "Settings") -> None:
    host = urlsplit(settings.public_url).hostname or ""
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:
        public = not host.endswith(PRIVATE_NAMES) and host != "localhost"
    if settings.demo and public:
        raise DemoInPublic(
            f"{settings.service} cannot start: AMICALE_DEMO is 1 and PUBLIC_URL is {settings.public_url}, a"
            " public address. Unset AMICALE_DEMO, or use http://127.0.0.1:8080."
        )


_CONFIG: dict[str, Any] = {
    "MAX_FORM_PARTS": 20,
    # Of a file, werkzeug keeps the chunk it reads, 64 KiB, beside the rest of the one before.
    "MAX_FORM_MEMORY_SIZE": 192 * 1024,
    "PROPAGATE_EXCEPTIONS": False,
    "TRAP_HTTP_EXCEPTIONS": False,
}


def _openapi(name: str) -> dict[str, Any]:
    return {
        "API_TITLE": f"Amicale {name}",
        "API_VERSION": "v1",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": None,
    }


def _check_policies(app: Flask) -> None:
    bare = sorted(endpoint for endpoint, view in app.view_functions.items() if not hasattr(view, "policy"))
    if bare:
        raise PolicyMissing(f"routes without a policy: {', '.join(bare)}")


def _handle_errors(app: Flask) -> None:
    app.register_error_handler(DomainError, problems.from_domain)
    app.register_error_handler(HTTPException, problems.from_http)
    app.register_error_handler(DBAPIError, _database_failed)
    app.register_error_handler(PoolTimeout, _database_failed)
    app.register_error_handler(Exception, _failed)


def _database_failed(error: DBAPIError | PoolTimeout) -> Response:
    answer = problems.from_database(error)
    if answer is None:
        return _failed(error)
    log.warning("database refused", **problems.log_facts(error))
    return answer


def _failed(error: Exception) -> Response:
    log.error("request failed", **problems.log_facts(error))
    return problems.problem(500, "internal_error", "Something failed here; it has been noted.")


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
    g.began_at = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=current.service().name, request_id=g.request_id)
    telemetry.begin(request.headers.get("traceparent"))


def _end(answer: Response) -> Response:
    took_s = time.perf_counter() - g.get("began_at", time.perf_counter())
    rule = request.url_rule.rule if request.url_rule else "(none)"
    answer.headers["X-Request-Id"] = g.get("request_id", "")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    _say_how_long_to_keep(answer)
    if not rule.startswith(("/healthz", "/readyz", "/metrics")):  # nobody's request: no error of ours either
        health.count_request(request.method, rule, answer.status_code, took_s)
        log.info(
            "request",
            method=request.method,
            route=rule,
            status=answer.status_code,
            took_ms=round(took_s * 1000, 1),
        )
    return answer


def _say_how_long_to_keep(answer: Response) -> None:
    """Public answers may be kept and asked again by ETag; private ones are never stored."""
    if "Cache-Control" in answer.headers:
        return
    public = answer.status_code == 200 and "Authorization" not in request.headers and _policy() == "anyone"
    if public and request.method in {"GET", "HEAD"} and not answer.direct_passthrough:
        answer.headers["Cache-Control"] = "no-cache"
        answer.headers.add("Vary", "Authorization")
        answer.add_etag()
        if "If-None-Match" in request.headers:
            answer.make_conditional(request)
    else:
        answer.headers["Cache-Control"] = "no-store"


def _policy() -> str:
    from flask import current_app

    view = current_app.view_functions.get(request.endpoint or "")
    return str(getattr(view, "policy", ""))
