"""What was once said on a topic stays readable: messages change by addition only."""

import json
from pathlib import Path
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from shared.messages import by_type

PINNED = Path(__file__).parent / "messages.json"


def contract() -> dict[str, Any]:
    """The JSON Schema of each message, with its topic and key."""
    spec = APISpec("messages", "1", "3.1.0", plugins=[MarshmallowPlugin(schema_name_resolver=lambda _: None)])
    converter = spec.plugins[0].converter  # type: ignore[attr-defined]
    return {
        name: {"topic": each.topic, "key": each.key, "schema": converter.schema2jsonschema(each.schema)}
        for name, each in sorted(by_type.items())
    }


def breaks(old: Any, new: Any, where: str = "") -> list[str]:
    """Every place where `new` takes away, changes or newly requires something of `old`."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = [f"{where}/{key} is gone" for key in old if key not in new]
        found += [f"{where}/required is new" for key in new if key == "required" and key not in old]
        return found + [b for key in old if key in new for b in breaks(old[key], new[key], f"{where}/{key}")]
    if isinstance(old, list) and isinstance(new, list) and where.endswith("/required"):
        return [f"{where}: {name} is newly required" for name in new if name not in old]
    if isinstance(old, list) and isinstance(new, list):
        return [f"{where}: {each} is gone" for each in old if each not in new]
    return [] if old == new else [f"{where}: {old!r} became {new!r}"]


def test_messages_change_by_addition_only() -> None:
    pinned = json.loads(PINNED.read_text())

    assert breaks(pinned, contract()) == []


def test_every_message_and_every_field_is_pinned() -> None:
    pinned = json.loads(PINNED.read_text())

    assert contract() == pinned, "run `python -m tests.contracts.test_messages` to pin what was added"


def test_a_field_taken_away_changed_or_newly_required_is_a_break() -> None:
    old = {"a": {"schema": {"properties": {"x": {"type": "string"}}, "required": ["x"]}}}

    assert breaks(old, {"a": {"schema": {"properties": {}, "required": ["x"]}}})
    assert breaks(old, {"a": {"schema": {"properties": {"x": {"type": "integer"}}, "required": ["x"]}}})
    assert breaks(old, {"a": {"schema": {"properties": {"x": {"type": "string"}}, "required": ["x", "y"]}}})
    assert not breaks(
        old, {"a": {"schema": {"properties": {"x": {"type": "string"}, "y": {}}, "required": ["x"]}}}
    )


if __name__ == "__main__":
    PINNED.write_text(json.dumps(contract(), indent=1, sort_keys=True) + "\n")
