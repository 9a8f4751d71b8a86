"""What an OpenAPI document tells beyond routes and schemas: who, where, by which names, and what is refused.

Every error that follows from a route itself (its policy, its body, its key) is written down from it; those of
its own rules are named beside it (`refuses=`, shared/http.py). The names of operations come from their paths.
"""

import sys
from collections.abc import Iterable
from typing import Any

from flask import Flask
from marshmallow import Schema

from shared import auth, bodies, errors, http, limits, once, promises, tokens
from shared.errors import DomainError, code_of, first_line
from shared.rights import LIVE, RIGHTS

PROBLEM = {"$ref": "#/components/schemas/Problem"}
METHODS = ("get", "post", "put", "patch", "delete")
VERBS = {"post": "create", "put": "set", "patch": "change", "delete": "delete"}
PEOPLE = {"people": "person"}
UNUSED = "PaginationMetadata"
"""flask-smorest declares its own way of paging; ours is another."""

ABOUT = """Ids are UUIDs, money is a whole number of minor units (`amount_minor`) with its `currency`,
times are ISO 8601 in UTC. Lists that come in pages answer `{"items": […], "next": …}`: ask again with
`after` until `next` is null. Errors are problems (RFC 9457) with a stable `code`. A POST that takes an
`Idempotency-Key` is done once, however often it is repeated with the same key. The guide for
integrators is at /docs."""
SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token for five minutes: `POST /api/v1/directory/tokens`.",
    },
    "session": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Session <secret>`: the secret that `POST /api/v1/directory/sessions` answered.",
    },
}
"""How callers say who they are. A signed link (`x-allow: link`) stands in the path and needs nothing else."""
RETRY_AFTER = {
    "description": "Seconds to wait before the same request is sent again.",
    "schema": {"type": "integer", "minimum": 1},
}


def complete(document: dict[str, Any], app: Flask, *, service: str, public_url: str) -> dict[str, Any]:
    """The document with all that flask-smorest cannot know."""
    document["info"] |= {
        "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    document["servers"] = [{"url": public_url}]
    for tag in document["tags"]:
        tag["description"] = _told(app, tag["name"])
    document["components"]["schemas"].pop(UNUSED, None)
    _anchor(document)
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                _join_files(item[method], document["components"]["schemas"])
                _complete(item[method], service, method, path)
    promises.promise(document)
    return document


def posted(kind: str, schema: type[Schema]) -> dict[str, Any]:
    """One webhook: what is posted, signed as Standard Webhooks says, until it is answered 2xx."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "post": {
            "operationId": kind.replace(".", "_"),
            "summary": " ".join((schema.__doc__ or "").split()),
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
                for name in names
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"$ref": f"#/components/schemas/{schema.__name__}"}}
                },
            },
            "responses": {"2XX": {"description": "Taken. Anything else is tried again, for three days."}},
        }
    }


def _complete(operation: dict[str, Any], service: str, method: str, path: str) -> None:
    operation["operationId"] = name_of(service, method, path, answers_list=_answers_list(operation))
    found = [*_follow(operation, path), *operation.pop("x-refuses", ())]
    answers = operation["responses"]
    for status in sorted({each.status for each in found}):
        answers[str(status)] = refusal([each for each in found if each.status == status])
    operation["responses"] = {status: answers[status] for status in sorted(answers)}


def refusal(kinds: Iterable[type[DomainError]]) -> dict[str, Any]:
    """The answer that says no with one status, for one of these reasons."""
    kinds = list(kinds)
    reasons = {code_of(each): first_line(each) for each in kinds}
    waits = any(each.retry_after_s or each in WAITING for each in kinds)
    return {
        "description": " ".join(f"`{code}`: {words}" for code, words in reasons.items()),
        "content": {"application/problem+json": {"schema": PROBLEM}},
        "x-codes": list(reasons),
        **({"headers": {"Retry-After": RETRY_AFTER}} if waits else {}),
    }


WAITING = (once.StillWorking, limits.TooMany)
"""Errors that tell each time anew how long to wait."""


def _follow(operation: dict[str, Any], path: str) -> Iterable[type[DomainError]]:
    """The errors that follow from what a route is, whatever it does."""
    allow, parameters = operation["x-allow"], operation.get("parameters", ())
    if allow == "signed_in" or allow in RIGHTS:
        yield auth.SignInRequired
    if operation["security"] != [{"session": []}]:
        yield tokens.TokenRefused
    if allow in RIGHTS:
        yield auth.RightMissing
    if allow in LIVE:
        yield from (auth.SessionEnded, auth.RightsUnavailable)
    if "{" in path or allow == "signed_in":
        yield errors.NotFound
    if "requestBody" in operation:
        yield from (bodies.BadJson, bodies.NotJson)
    if "requestBody" in operation or parameters:
        yield from (bodies.FieldsRefused, bodies.CardNumberRefused)
    if any(each.get("name") == "Idempotency-Key" for each in parameters):
        yield from (http.HeaderRefused, once.KeyReused, once.StillWorking)
    yield errors.Unavailable


def _join_files(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """A file and the form beside it are one body of several parts."""
    files = [each for each in operation.get("parameters", ()) if each.get("in") == "formData"]
    if not files:
        return
    operation["parameters"] = [each for each in operation["parameters"] if each not in files]
    (content,) = operation["requestBody"]["content"].values()
    form = schemas[content["schema"]["$ref"].rsplit("/", 1)[-1]]
    form["properties"] |= {
        each["name"]: {**each["schema"], "description": each["description"]} for each in files
    }
    form["required"] = sorted(
        {*form.get("required", ()), *(each["name"] for each in files if each["required"])}
    )
    operation["requestBody"] = {"required": True, "content": {"multipart/form-data": content}}


def name_of(service: str, method: str, path: str, *, answers_list: bool) -> str:
    """`giving_create_donation` for POST /api/v1/giving/donations: unique, and stable as paths are."""
    if path.startswith("/webhooks/"):
        return f"{service}_take_{path.split('/')[2]}_webhook"
    steps = path.removeprefix(f"/api/v1/{service}/").strip("/").split("/")
    nouns: list[str] = []
    for at, step in enumerate(steps):
        if step.startswith("{"):
            continue
        follower = steps[at + 1] if at + 1 < len(steps) else ""
        if step == "me":
            nouns = ["my"] if follower else ["me"]
        elif step == "current":
            nouns.insert(-1, step)
        else:
            is_one = follower.startswith("{") or follower == "current" or (method != "get" and not follower)
            nouns.append(_one(step) if is_one else step)
    verb = ("list" if answers_list else "get") if method == "get" else VERBS[method]
    return "_".join([service, verb, *nouns]).replace("-", "_").replace(".", "_")


def _one(noun: str) -> str:
    """The singular of a noun as paths use them."""
    if noun in PEOPLE:
        return PEOPLE[noun]
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "sses")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and noun != "rights" else noun


def _answers_list(operation: dict[str, Any]) -> bool:
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    return str(content.get("schema", {}).get("$ref", "")).endswith(("Page", "List"))


def _anchor(part: Any) -> None:
    """Patterns as JSON Schema knows them (ECMA-262): ours are matched from the start, and end by `\\Z`."""
    if isinstance(part, dict):
        pattern = part.get("pattern")
        if isinstance(pattern, str) and pattern.endswith(r"\Z"):
            part["pattern"] = "^" + pattern.removeprefix("^").removesuffix(r"\Z") + "$"
        for inner in part.values():
            _anchor(inner)
    elif isinstance(part, list):
        for inner in part:
            _anchor(inner)


def _told(app: Flask, tag: str) -> str:
    """What a noun is: the first sentence of its module."""
    module = sys.modules.get(app.blueprints[tag].import_name)
    text = " ".join(((module and module.__doc__) or "").partition("\n\n")[0].split())
    return text.partition(": ")[2] or text
