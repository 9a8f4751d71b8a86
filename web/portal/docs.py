"""What programs of others may build on: the HTTP interfaces, the topics, the webhooks and the guides.

The documents of the services are their own (/api/v1/<service>/openapi.json); the AsyncAPI document and the
guides are files of docs/, and the page of the topics is made from the first.
"""

import json
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, render_template

from shared.typography import coded

routes = Blueprint("docs", __name__)

FOLDER = Path(__file__).parents[2] / "docs"
SERVICES = ("directory", "events", "giving", "notify")
FILES = {
    "asyncapi.json": "application/json",
    "asyncapi.yaml": "application/yaml",
    "guide-integrators.md": "text/plain; charset=utf-8",
    "guide-civicrm.md": "text/plain; charset=utf-8",
}
PUBLIC = {"Cache-Control": "public, max-age=300"}


routes.add_app_template_filter(coded)


@routes.get("/docs")
def index():
    """What there is, and where."""
    return render_template("portal/docs.html", services=SERVICES, channels=channels())


@routes.get("/docs/topics")
def topics():
    """The AsyncAPI document, to read."""
    headers = _rows(document()["components"]["schemas"]["headers"])
    return render_template("portal/topics.html", channels=channels(), headers=headers)


@routes.get("/docs/<any({}):name>".format(", ".join(repr(name) for name in FILES)))
def file(name):
    """One document as it is, for programs and to keep."""
    return Response((FOLDER / name).read_bytes(), headers=PUBLIC | {"Content-Type": FILES[name]})


@cache
def document():
    """The AsyncAPI document."""
    return json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))


@cache
def channels():
    """Each topic with its messages, their fields, who writes them and who reads them."""
    whole = document()
    return [
        {
            "name": name,
            "words": channel["description"],
            "writer": channel["x-writer"],
            "readers": channel["x-readers"],
            "messages": [_message(whole, each, name) for each in channel["messages"]],
        }
        for name, channel in whole["channels"].items()
        if channel["messages"]
    ]


def _message(whole, name, channel):
    told = whole["components"]["messages"][name]
    here = f"#/channels/{channel}/messages/{name}"
    heard = [
        operation.partition(".")[0]
        for operation, each in whole["operations"].items()
        if each["action"] == "receive" and {"$ref": here} in each["messages"]
    ]
    sample = told.get("examples", [{}])[0].get("payload")
    return {
        "name": name,
        "words": told["summary"],
        "key": told["bindings"]["kafka"]["key"]["description"],
        "heard": heard,
        "fields": _rows(told["payload"]),
        "sample": json.dumps(sample, indent=2, ensure_ascii=False) if sample else "null",
    }


def _rows(schema, before=""):
    """The fields of an object, those of the objects inside it after it: `contact.email`."""
    rows = []
    for name, each in schema.get("properties", {}).items():
        inner = each.get("items", each)
        rows.append({
            "name": before + name,
            "kind": _kind(each),
            "required": name in schema.get("required", ()),
            "words": each.get("description", ""),
        })  # fmt: skip
        rows += _rows(inner, f"{before}{name}{'[]' if inner is not each else ''}.")
    return rows


def _kind(schema):
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kinds = schema.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds:
        return f"{_kind(schema['items'])}[]"
    return " | ".join(schema.get("format", each) if each == "string" else each for each in kinds)
