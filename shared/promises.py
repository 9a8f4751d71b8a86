"""What an OpenAPI document promises of answers: each field that is always there, and room for those to come.

Wishes stay strict: what they do not name is refused. So an object that is both asked and answered stands in
the document twice, `DegreeWish` beside `DegreeShown`.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

SOMETIMES = {"x-sometimes": True}
"""Metadata of a field that some answers do not have: `fields.String(metadata=SOMETIMES)`. All others are
promised, null included where they may be null."""
PLACE = "#/components/schemas/"


def promise(document: dict[str, Any]) -> None:
    """Open each object that is answered or posted to others, and require in it what is always there."""
    schemas = document["components"]["schemas"]
    bodies = [each["requestBody"] for each in _operations(document) if "requestBody" in each]
    answers = [each["responses"] for each in _operations(document)]
    told = [*answers, document["components"].get("responses"), document.get("webhooks")]
    answered, asked = _reached(told, schemas), _reached(bodies, schemas)
    _part(bodies, asked, answered & asked, schemas)
    for name in answered:
        _open(schemas[name])


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from (each for each in item.values() if isinstance(each, dict) and "responses" in each)


def _reached(parts: Any, schemas: dict[str, Any]) -> set[str]:
    """Names of the schemas that these parts refer to, those inside them too."""
    found: set[str] = set()
    waiting = [_name(each) for each in _references(parts)]
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in found:
            found.add(name)
            waiting += [_name(each) for each in _references(schemas[name])]
    return found


def _references(part: Any) -> Iterator[dict[str, Any]]:
    """Every object inside that is a reference."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str) and part["$ref"].startswith(PLACE):
            yield part
        for each in part.values():
            yield from _references(each)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"].removeprefix(PLACE))


def _part(bodies: Any, asked: set[str], both: Iterable[str], schemas: dict[str, Any]) -> None:
    """Give wishes their own copy of what is answered too."""
    wishes = {name: f"{name.removesuffix('Shown')}Wish" for name in both}
    if taken := schemas.keys() & set(wishes.values()):
        raise ValueError(f"schemas of these names are there already: {', '.join(sorted(taken))}")
    for name, wish in wishes.items():
        schemas[wish] = deepcopy(schemas[name])
    asking = [schemas[wishes.get(name, name)] for name in asked]
    for reference in _references([*bodies, *asking]):
        reference["$ref"] = PLACE + wishes.get(_name(reference), _name(reference))


def _open(schema: dict[str, Any]) -> None:
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    properties = schema.get("properties", {})
    always = [
        name
        for name, each in properties.items()
        if not each.pop("x-sometimes", False) and not each.get("writeOnly")
    ]
    if always:
        schema["required"] = sorted(always)
