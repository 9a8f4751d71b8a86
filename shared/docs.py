"""The OpenAPI document and a page to read it: rendered here, without scripts or anything from elsewhere."""

import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify
from jinja2 import Environment, Template
from marshmallow import Schema

from shared import openapi
from shared.http import Api, policy
from shared.typography import coded

WHO = {
    "anyone": "Anyone may call this.",
    "signed_in": "The signed-in may call this, about themselves.",
    "link": "Whoever holds the signed link may call this.",
    "provider": "The payment provider calls this and signs what it sends.",
}
BOUNDS = {
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "pattern": "matches {}",
    "default": "{} when absent",
}


def add(app: Flask, api: Api, name: str, *, public_url: str, webhooks: Mapping[str, type[Schema]]) -> None:
    """Add `/api/v1/<name>/openapi.json` and `/api/v1/<name>/docs`."""
    for each in webhooks.values():
        api.spec.components.schema(each.__name__, schema=each)
    posted = {kind: openapi.posted(kind, schema) for kind, schema in webhooks.items()}

    @cache
    def document() -> dict[str, Any]:
        whole = api.spec.to_dict() | ({"webhooks": posted} if posted else {})
        return openapi.complete(whole, app, service=name, public_url=public_url)

    @policy("anyone")
    def openapi_json() -> Response:
        return jsonify(document())

    @policy("anyone")
    def docs() -> Response:
        nonce = secrets.token_urlsafe(16)
        answer = Response(_template().render(nonce=nonce, **page(document())), mimetype="text/html")
        answer.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    app.add_url_rule(f"/api/v1/{name}/openapi.json", "openapi_json", openapi_json)
    app.add_url_rule(f"/api/v1/{name}/docs", "docs", docs)


@cache
def _template() -> Template:
    source = (Path(__file__).parent / "docs.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True)
    environment.filters["coded"] = coded
    return environment.from_string(source)


def page(document: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of an OpenAPI document: operations by noun, then the objects they speak of."""
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                shown = _operation(
                    path, method, operation, [*item.get("parameters", ()), *operation.get("parameters", ())]
                )
                tags.setdefault(operation["tags"][0], []).append(shown)
    schemas = document.get("components", {}).get("schemas", {})
    objects = {name: _fields(schemas[name]) for name in sorted(schemas)}
    return {
        "title": document["info"]["title"],
        "tags": dict(sorted(tags.items())),
        "told": {tag["name"]: tag["description"] for tag in document["tags"]},
        "objects": objects,
        "webhooks": [_sent(name, item["post"]) for name, item in document.get("webhooks", {}).items()],
    }


def _sent(name: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = _content(operation["requestBody"])
    return {"name": name, "summary": operation["summary"], "body": [_row("", body["schema"], "")]}


def _operation(path: str, method: str, operation: dict[str, Any], parameters: list[Any]) -> dict[str, Any]:
    allow = operation.get("x-allow", "anyone")
    content = _content(operation.get("requestBody", {}))
    return {
        "id": f"{method}-{path}",
        "method": method.upper(),
        "path": path,
        "name": operation["operationId"],
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "who": WHO.get(allow, f"Callers with the right {allow} may call this."),
        "parameters": [
            _row(each["name"], each.get("schema", {}), _where(each)) for each in parameters if "name" in each
        ],
        "body": [_row("", content["schema"], "")] if "schema" in content else [],
        "answers": [
            _answer(status, each) for status, each in operation["responses"].items() if status != "default"
        ],
    }


def _content(part: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = next(iter(part.get("content", {}).values()), {})
    return first


def _where(parameter: dict[str, Any]) -> str:
    return f"{parameter['in']}, required" if parameter.get("required") else str(parameter["in"])


def _answer(status: str, response: dict[str, Any]) -> dict[str, Any]:
    content = _content(response)
    row = _row(str(status), content.get("schema", {}), "")
    return row | {"kind": row["kind"] if content else "", "words": response.get("description", "")}


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = set(schema.get("required", ()))
    properties = schema.get("properties", {})
    return [_row(name, each, "required" if name in required else "") for name, each in properties.items()]


def _row(name: str, schema: dict[str, Any], required: str) -> dict[str, Any]:
    bounds = [words.format(schema[each]) for each, words in BOUNDS.items() if schema.get(each) is not None]
    bounds += ["one of " + ", ".join(map(str, schema["enum"]))] if "enum" in schema else []
    words = ". ".join(filter(None, [schema.get("description", ""), ", ".join(bounds)]))
    return {"name": name, "required": required, "kind": _kind(schema), "ref": _ref(schema), "words": words}


def _kind(schema: dict[str, Any]) -> str:
    if target := _ref(schema):
        return f"list of {target}" if schema.get("type") == "array" else target
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds:
        return f"list of {_kind(schema.get('items', {}))}"
    return " or ".join(str(schema.get("format", each)) if each == "string" else each for each in kinds)


def _ref(schema: dict[str, Any]) -> str:
    """Name of the object that a schema is, is a list of, or may be."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for inner in (schema.get("items"), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        if isinstance(inner, dict) and "$ref" in inner:
            return _ref(inner)
    return ""
