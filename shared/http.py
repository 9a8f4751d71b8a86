"""Routes: each with a policy, strict parsing of what arrives, and its place in the OpenAPI document.

flask-smorest as installed accepts routes without a policy, form bodies for JSON and unknown query fields;
the classes here refuse them. `@routes.post(rule, allow=…)` stands above `arguments` and `response`.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from http import HTTPStatus
from typing import Any, NoReturn

import flask_smorest
import marshmallow
from flask import Request, current_app, request
from flask_smorest.utils import prepare_response
from marshmallow import Schema, fields, validate
from webargs.flaskparser import FlaskParser

from shared import auth
from shared.bodies import FieldsRefused, NotJson, check_texts, is_sound, parse_json
from shared.errors import DomainError, NotFound
from shared.problems import MEDIA_TYPE, flat, from_http
from shared.promises import SOMETIMES
from shared.rights import RIGHTS, check_policy

BODY_MAX = 256 * 1024
PATH_VALUE_MAX = 200


class HeaderRefused(DomainError):
    """A header is missing or cannot be accepted; see `errors`."""

    status = 400


class Problem(Schema):
    """An error (RFC 9457). `code` is stable; `errors` says per field what cannot be accepted.

    What else a program needs to go on stands beside it under a name of its own, such as `seats_left`.
    """

    class Meta:
        """Members of an error's own are there as they are."""

        unknown = marshmallow.INCLUDE

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    code = fields.String(required=True)
    detail = fields.String(metadata=SOMETIMES)
    request_id = fields.String(metadata=SOMETIMES)
    errors = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), metadata=SOMETIMES)


class IdempotencyKey(Schema):
    """Header of a POST that must not be done twice: repeating the key repeats the answer, not the act."""

    key = fields.String(
        required=True,
        data_key="Idempotency-Key",
        validate=[
            validate.Length(8, 128),
            validate.Regexp(r"[!-~]+\Z", error="Not visible ASCII."),
        ],
        metadata={"description": "A value of your own, such as a UUID, new for each wish."},
    )


class Parser(FlaskParser):
    """Reads requests by our rules: see shared/bodies.py."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "files": marshmallow.RAISE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        if req.mimetype != "application/json":
            raise NotJson
        value = parse_json(req.get_data(cache=True))
        if not isinstance(value, list if getattr(schema, "many", False) else dict):
            raise FieldsRefused(
                {"_body": ["Not an object." if isinstance(value, list) else "Invalid input type."]}
            )
        return value

    def load_form(self, req: Request, schema: Schema) -> Any:
        check_texts(req.form.to_dict())
        return super().load_form(req, schema)

    def load_files(self, req: Request, schema: Schema) -> Any:
        if req.mimetype != "multipart/form-data":
            raise NotMultipart
        return super().load_files(req, schema)

    def handle_error(
        self,
        error: marshmallow.ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Any,
    ) -> NoReturn:
        errors = flat(error.messages)
        if isinstance(error.messages, dict) and "headers" in error.messages:
            raise HeaderRefused(errors=errors)
        raise FieldsRefused(errors)


class NotMultipart(NotJson):
    """The body must be a file, sent as multipart/form-data."""


class RouteMisplaced(TypeError):
    """A decorator stands above the route and would silently not be applied."""


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A noun's routes. `allow` is one of rights.POLICIES or rights.RIGHTS, checked before parsing."""

    ARGUMENTS_PARSER = Parser()

    def route(
        self,
        rule: str,
        *,
        allow: str | None = None,
        body_max: int = BODY_MAX,
        refuses: Iterable[type[DomainError]] = (),
        parameters: Any = None,
        tags: Any = None,
        **options: Any,
    ) -> Callable[[Any], Any]:
        """Register a view under `rule` for callers that `allow` lets in; `body_max` is in bytes.

        `refuses` names the rules that may say no, for the document; what follows from the route itself (who
        may call, a body, a key) is known without it.
        """
        if allow is None:
            raise TypeError(f"the route {rule!r} declares no policy: allow=…")
        policy = check_policy(allow)

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            guarded = _guard(view, policy, body_max)
            guarded.__dict__["_apidoc"] = _documented(view, policy, refuses)
            self.add_url_rule(rule, None, guarded, parameters=parameters, tags=tags, **options)
            return guarded

        return decorate

    def get(self, rule: str, *, allow: str, **options: Any) -> Callable[[Any], Any]:
        return self.route(rule, allow=allow, methods=["GET"], **options)

    def post(self, rule: str, *, allow: str, **options: Any) -> Callable[[Any], Any]:
        return self.route(rule, allow=allow, methods=["POST"], **options)

    def put(self, rule: str, *, allow: str, **options: Any) -> Callable[[Any], Any]:
        return self.route(rule, allow=allow, methods=["PUT"], **options)

    def patch(self, rule: str, *, allow: str, **options: Any) -> Callable[[Any], Any]:
        return self.route(rule, allow=allow, methods=["PATCH"], **options)

    def delete(self, rule: str, *, allow: str, **options: Any) -> Callable[[Any], Any]:
        return self.route(rule, allow=allow, methods=["DELETE"], **options)

    def arguments(self, schema: Any, *, location: str = "json", **options: Any) -> Callable[[Any], Any]:
        made = schema() if isinstance(schema, type) else schema
        return self._below_the_route(super().arguments(made, location=location, **options))

    def response(self, status_code: int, schema: Any = None, **options: Any) -> Callable[[Any], Any]:
        return self._below_the_route(super().response(status_code, schema, **options))

    def alt_response(self, status_code: int, response: Any = None, **options: Any) -> Callable[[Any], Any]:
        return self._below_the_route(super().alt_response(status_code, response, **options))

    @staticmethod
    def _below_the_route(decorator: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            if hasattr(view, "policy"):
                raise RouteMisplaced(f"{view.__name__}: arguments and response stand below the route")
            decorated: Callable[..., Any] = decorator(view)
            return decorated

        return decorate


class Api(flask_smorest.Api):  # type: ignore[misc]
    """OpenAPI 3.1 with problems instead of flask-smorest's errors."""

    ERROR_SCHEMA = Problem

    def handle_http_exception(self, error: Any) -> Any:
        return from_http(error)

    def _register_responses(self) -> None:
        """Errors are documented with their own media type."""
        for status in [*HTTPStatus, None]:
            response: dict[str, Any] = {"description": status.phrase if status else "The request is refused."}
            if status is None or status >= 400:
                response["schema"] = Problem
                prepare_response(response, self.spec, MEDIA_TYPE)
            self.spec.components.response(status.name if status else "DEFAULT_ERROR", response, lazy=True)


def policy(allow: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the policy of a plain Flask view, outside any Blueprint of ours."""
    return lambda view: _guard(view, check_policy(allow), BODY_MAX)


def _guard(view: Callable[..., Any], allow: str, body_max: int) -> Callable[..., Any]:
    known = _query_names(view)

    @wraps(view)
    def guarded(*args: Any, **values: Any) -> Any:
        request.max_content_length = body_max
        _check_path(values)
        auth.require(allow)
        _check_query(known)
        return current_app.ensure_sync(view)(*args, **values)

    guarded.policy = allow  # type: ignore[attr-defined]
    return guarded


def _query_names(view: Callable[..., Any]) -> frozenset[str] | None:
    """Names of the query fields that a documented view declares; None for a plain Flask view."""
    if not hasattr(view, "_apidoc"):
        return None
    declared = view._apidoc.get("arguments", {}).get("parameters", ())
    schemas = [each["schema"] for each in declared if each["in"] in {"query", "querystring"}]
    whole = [each() if isinstance(each, type) else each for each in schemas]
    return frozenset(field.data_key or name for each in whole for name, field in each.load_fields.items())


def _check_path(values: dict[str, Any]) -> None:
    for value in values.values():
        if isinstance(value, str) and (len(value) > PATH_VALUE_MAX or not is_sound(value)):
            raise NotFound


def _check_query(known: frozenset[str] | None) -> None:
    if known is None or not request.args:
        return
    unknown = [name for name in request.args if name not in known]
    if unknown:
        raise FieldsRefused({name if is_sound(name) else "_query": ["Unknown field."] for name in unknown})
    check_texts(request.args.to_dict())


def _documented(view: Callable[..., Any], allow: str, refuses: Iterable[type[DomainError]]) -> dict[str, Any]:
    """The view's documentation with its policy: who may call it, and which errors follow from that."""
    known = dict(getattr(view, "_apidoc", {}))
    manual = dict(known.get("manual_doc", {}))
    manual.setdefault("security", _security(allow))
    manual["x-allow"] = allow
    manual["x-refuses"] = list(refuses)
    return {**known, "manual_doc": manual}


def _security(allow: str) -> list[dict[str, list[str]]]:
    """How a caller says who they are: always, if they like, or never where a link says enough."""
    if allow == "signed_in" or allow in RIGHTS:
        return [{"bearer": []}]
    return [{}, {"bearer": []}] if allow == "anyone" else []


__all__ = ["Api", "Blueprint", "IdempotencyKey", "Parser", "Problem", "policy"]
