"""Errors as RFC 9457 `application/problem+json`, each with a stable `code`.

An answer or a log line never holds `str(exc)` of a library: PostgreSQL's DETAIL quotes values.
"""

import traceback
from typing import Any

from flask import Response, g, json, request
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.http import HTTP_STATUS_CODES

from shared.db import is_ill, sqlstate
from shared.errors import DomainError, NotFound, first_line

MEDIA_TYPE = "application/problem+json"

CODES = {
    400: "bad_request",
    401: "sign_in_required",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    411: "length_required",
    413: "body_too_large",
    414: "address_too_long",
    415: "not_json",
    416: "range_not_satisfiable",
    422: "fields_refused",
    429: "too_many",
    500: "internal_error",
    503: "unavailable",
}

DETAILS = {
    404: first_line(NotFound),
    405: "This address does not take this method; the header `Allow` names those that it takes.",
}
"""In our words what werkzeug says in its own."""
RETRY_AFTER_S = 2
UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION = "23505", "23503"


def problem(
    status: int, code: str, detail: str = "", *, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """One problem as an answer."""
    body = {
        "type": f"urn:amicale:problem:{code}",
        "title": HTTP_STATUS_CODES.get(status, "Error"),
        "status": status,
        "code": code,
        **({"detail": detail} if detail else {}),
        **more,
        **({"request_id": g.request_id} if "request_id" in g else {}),
    }
    answer = Response(json.dumps(body) + "\n", status, headers, content_type=MEDIA_TYPE)
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def from_domain(error: DomainError) -> Response:
    """A rule said no."""
    headers = {} if error.retry_after_s is None else {"Retry-After": str(max(1, round(error.retry_after_s)))}
    return problem(error.status, error.code, error.detail, headers=headers, **error.facts)


def from_http(error: HTTPException) -> Any:
    """Flask or werkzeug said no; Allow, Retry-After and the like are kept."""
    if error.code is None or error.code < 400:
        return error.get_response()
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    more: dict[str, Any] = {}
    if (data := getattr(error, "data", None)) and data.get("messages"):
        more["errors"] = flat(data["messages"])
    code = "internal_error" if error.code >= 500 and error.code != 503 else CODES.get(error.code, "refused")
    return problem(error.code, code, _detail(error), headers=headers, **more)


def _detail(error: HTTPException) -> str:
    if isinstance(error, RequestEntityTooLarge):
        most = request.max_content_length or 0
        return f"The body is larger than the {most // 1024} KB that are taken here."
    if error.code in DETAILS:
        return DETAILS[error.code]
    default = type(error).description
    return "" if error.description is None or error.code == 500 else str(default or "")


def from_database(error: DBAPIError | PoolTimeout) -> Response | None:
    """PostgreSQL is away, or refused a value that no rule caught; None when it is our own fault."""
    if is_ill(error):
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return problem(503, "unavailable", "The database does not answer; try again.", headers=headers)
    state = sqlstate(error)
    if isinstance(error, IntegrityError) and state == UNIQUE_VIOLATION:
        return problem(409, "conflict", "This exists already, or was changed at the same moment.")
    if isinstance(error, IntegrityError) and state == FOREIGN_KEY_VIOLATION:
        return problem(422, "unknown_reference", "What this refers to does not exist.")
    if isinstance(error, DataError):
        return problem(422, "value_out_of_range", "A value cannot be stored.")
    return None


def log_facts(error: BaseException) -> dict[str, Any]:
    """What a log line may say of an exception: class, SQLSTATE, constraint, places in the code."""
    state, constraint = sqlstate(error), _constraint(error)
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {
        "error": type(error).__name__,
        **({"sqlstate": state} if state else {}),
        **({"constraint": constraint} if constraint else {}),
        "where": [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _constraint(error: BaseException) -> str:
    diagnosis = getattr(getattr(error, "orig", None), "diag", None)
    return str(getattr(diagnosis, "constraint_name", None) or "")


def flat(messages: Any) -> dict[str, list[str]]:
    """marshmallow's nested messages as `{"story.fr": ["Too long."]}`, without the location on top."""
    found: dict[str, list[str]] = {}
    if isinstance(messages, dict) and len(messages) == 1 and next(iter(messages)) in LOCATIONS:
        messages = next(iter(messages.values()))
    _flatten("", messages, found)
    return found


LOCATIONS = {"json", "query", "querystring", "headers", "files", "form", "json_or_form"}


def _flatten(path: str, messages: Any, found: dict[str, list[str]]) -> None:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else str(name)
            _flatten(f"{path}.{step}" if path and step else path or step, inner, found)
    elif isinstance(messages, list) and not all(isinstance(each, str) for each in messages):
        for at, inner in enumerate(messages):
            _flatten(f"{path}.{at}", inner, found)
    else:
        texts = messages if isinstance(messages, list) else [messages]
        found.setdefault(path or "_body", []).extend(map(str, texts))
