"""The AsyncAPI document: every topic, who writes and reads it, and what each message on it says.

    python -m shared.asyncapi        write docs/asyncapi.json and docs/asyncapi.yaml anew

It is made of shared/messages, deploy/kafka/topics.yml and the handlers of each service, and kept as a file,
so that a change of the contract is seen when it is reviewed; tests/contracts/test_asyncapi.py compares them.
"""

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from shared.inbox import handlers_of
from shared.kafka import Topic, topics
from shared.messages import Message, PersonCard, Secret, by_type

FOLDER = Path(__file__).parent.parent / "docs"
TOMBSTONE = f"{PersonCard.type}.tombstone"
SECRET = (
    "Sealed: a compact JWE (dir, A256GCM) whose key only the speaker and notify hold. "
    "Nobody else can read it."
)
CONTACT = (
    "Personal, and nothing outside it is: whom the message leads an email to. It is cleared from what a "
    "service keeps nine days after sending, so a message that is sent again later comes without it."
)
ABOUT = """What the services of Amicale tell each other, and any program that may read: facts in the
past tense, never requests. Delivery is at least once: `ce_id` is the same each time a message comes
again, so keep the ids you have handled beside their effect. The order holds for one key. Fields are
only ever added; ignore those you do not know. What would break a reader is a new type beside the old
one."""
MESSAGE_HEADERS = {
    "ce_specversion": ("CloudEvents, binary mode.", {"const": "1.0"}),
    "ce_id": ("A UUIDv7; the same when the message comes again.", {"format": "uuid"}),
    "ce_type": ("Which message it is.", {}),
    "ce_source": ("`/amicale/` and the speaker.", {"format": "uri-reference"}),
    "ce_time": ("When it happened; the record's own time is that of its sending.", {"format": "date-time"}),
    "ce_subject": ("The id that it is about: the record's key.", {}),
    "ce_correlationid": (
        "The id at the origin (the donation, say), kept in all that follows.",
        {"format": "uuid"},
    ),
    "ce_sequence": ("Of cards and tombstones: the version of the person.", {"pattern": "^[0-9]+$"}),
    "traceparent": ("W3C Trace Context, when the act was traced.", {}),
}
ALWAYS_THERE = [name for name in MESSAGE_HEADERS if name not in ("ce_sequence", "traceparent")]
AN_ID, ANOTHER_ID = "01936f5e-7c00-7000-8000-000000000001", "01936f5e-7c00-7000-8000-000000000002"
A_TIME = "2026-11-23T07:09:10.253994+00:00"
SEALED = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..cO5C0bZgQ7oGZ3xN.5f0Vq1w.rC0sI1xB5y0m1nJt3q9V4A"
SAMPLES = {
    "amount_minor": 5000, "goal_minor": 2_500_000, "raised_minor": 2_501_000, "refund_minor": 5000,
    "refunded_minor": 5000, "creditor_id": "FR72ZZZ123456", "last4": "2606",
    "campaign_slug": "bibliotheque", "slug": "bibliotheque", "event_slug": "gala",
    "email": "marie@example.org", "given_name": "Marie", "family_name": "Curie", "city": "Lyon",
    "entity_name": "Fondation Valmont", "method": "card", "time_zone": "Europe/Paris", "place": "Lyon",
    "visibility": "public", "programme": "Physique", "class_year": 1998, "purpose": "news", "channel": "mail",
    "fr": "Une bibliothèque", "en": "A library", "version": 3, "seats": 2, "currency": "EUR",
}  # fmt: skip


def document() -> dict[str, Any]:
    """The whole, as JSON."""
    declared = topics()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Amicale",
            "version": "1.0.0",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": _server()},
        "channels": {each.name: _channel(each) for each in declared},
        "operations": _operations(declared),
        "components": {
            "messages": {kind.type: _message(kind) for kind in _kinds()} | {TOMBSTONE: _tombstone()},
            "schemas": {"headers": _headers()},
            "securitySchemes": {"sasl": _SASL},
        },
    }


def _kinds() -> list[type[Message]]:
    return [by_type[name] for name in sorted(by_type)]


_SASL = {
    "type": "scramSha512",
    "description": "The name of a reader in deploy/kafka/topics.yml; each reads the topics that list it.",
}


def _server() -> dict[str, Any]:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka-secure",
        "description": "Ask who runs the installation; the demo's broker speaks plain Kafka, on loopback.",
        "variables": {"bootstrap": {"default": "kafka.example.org:9092"}},
        "security": [{"$ref": "#/components/securitySchemes/sasl"}],
    }


def _channel(topic: Topic) -> dict[str, Any]:
    said = [kind.type for kind in _kinds() if kind.topic == topic.name]
    said += [TOMBSTONE] if topic.name == PersonCard.topic else []
    return {
        "address": topic.name,
        "title": topic.name,
        "description": _kept(topic),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in said},
        "bindings": {"kafka": {
            "topic": topic.name,
            "partitions": topic.partitions,
            "replicas": topic.replication,
            "topicConfiguration": _configuration(topic),
            "bindingVersion": "0.5.0",
        }},
        "x-writer": topic.writer,
        "x-readers": list(topic.readers),
    }  # fmt: skip


def _kept(topic: Topic) -> str:
    """How long what stands on a topic can be read."""
    if topic.config["cleanup.policy"] == "compact":
        gone = int(topic.config["delete.retention.ms"]) // 86_400_000
        return (
            "State: the latest card of each key is kept for good, so a new reader begins at the start. "
            "An older `version` never replaces a newer one. "
            f"A null value is a tombstone, kept {gone} days: forget the person."
        )
    days = int(topic.config["retention.ms"]) // 86_400_000
    return f"Facts, each kept {days} days, in order for one key."


def _configuration(topic: Topic) -> dict[str, Any]:
    told = {name: int(value) if value.isdigit() else value for name, value in topic.config.items()}
    known = ("retention.ms", "delete.retention.ms", "max.message.bytes")
    return {"cleanup.policy": [told["cleanup.policy"]]} | {name: told[name] for name in known if name in told}


def _operations(declared: list[Topic]) -> dict[str, Any]:
    """`giving.send`, and `notify.receive.giving`: the messages that notify has a handler for."""
    found: dict[str, Any] = {}
    for topic in declared:
        short = topic.name.rpartition(".")[2]
        said = _channel(topic)["messages"]
        if said:
            found[f"{topic.writer}.send.{short}"] = _operation("send", topic, topic.writer, list(said))
        for reader in topic.readers:
            heard = [name for name in said if name.removesuffix(".tombstone") in _heard(reader)]
            if heard:
                found[f"{reader}.receive.{short}"] = _operation("receive", topic, reader, heard)
    return found


def _operation(action: str, topic: Topic, service: str, names: list[str]) -> dict[str, Any]:
    channel = f"#/channels/{topic.name}"
    group = {"kafka": {"groupId": {"type": "string", "const": service}, "bindingVersion": "0.5.0"}}
    return {
        "action": action,
        "channel": {"$ref": channel},
        "title": f"{service} {'writes' if action == 'send' else 'reads'} {topic.name}",
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in names],
        **({"bindings": group} if action == "receive" else {}),
    }


def _heard(service: str) -> set[str]:
    name = f"services.{service}.consumers"
    return set(handlers_of(import_module(name))) if find_spec(name) else set()


def _message(kind: type[Message]) -> dict[str, Any]:
    value = {
        name: _sample(name, field) for name, field in kind.schema.fields.items() if name != "merged_into"
    }
    return {
        "name": kind.type,
        "title": kind.type,
        "summary": (kind.__doc__ or "").partition("\n")[0],
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": _payload(kind),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": _key(kind), "bindingVersion": "0.5.0"}},
        "examples": [{"headers": _sample_headers(kind, value[kind.key]), "payload": value}],
    }


def _tombstone() -> dict[str, Any]:
    """A person who was erased."""
    return {
        "name": PersonCard.type,
        "title": TOMBSTONE,
        "summary": "A person was erased: a null value under their key. Keep the id and version alone.",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {"type": "null"},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": _key(PersonCard), "bindingVersion": "0.5.0"}},
    }


def _key(kind: type[Message]) -> dict[str, Any]:
    return {"type": "string", "format": "uuid", "description": f"`{kind.key}`"}


def _headers() -> dict[str, Any]:
    described = {
        name: {"type": "string", "description": words, **more}
        for name, (words, more) in MESSAGE_HEADERS.items()
    }
    return {"type": "object", "required": ALWAYS_THERE, "properties": described}


def _payload(kind: type[Message]) -> dict[str, Any]:
    """The JSON Schema of a message's value. Readers meet fields that came later, so more may be there."""
    inline: Any = MarshmallowPlugin(schema_name_resolver=_unnamed)
    APISpec("messages", "1", "3.1.0", plugins=[inline])
    schema: dict[str, Any] = inline.converter.schema2jsonschema(kind.schema)
    schema.pop("additionalProperties", None)
    _explain(schema, kind.schema)
    return schema


def _unnamed(_: Any) -> Any:
    """Blocks stand in their message, under no name of their own."""
    return None


def _explain(told: dict[str, Any], schema: Schema) -> None:
    """Say of each secret that it is sealed, and of contacts that they are personal."""
    told.pop("additionalProperties", None)
    for name, field in schema.fields.items():
        part = told["properties"][name]
        if isinstance(field, Secret):
            words = part.get("description")
            part["description"] = f"{words[0].upper()}{words[1:]}. {SECRET}" if words else SECRET
        elif isinstance(field, fields.Nested):
            part.update({"description": CONTACT} if name == "contact" else {})
            _explain(part, field.schema)
        elif isinstance(field, fields.List) and isinstance(field.inner, fields.Nested):
            _explain(part["items"], field.inner.schema)


def _sample(name: str, field: Any) -> Any:
    """A value as it may come."""
    if isinstance(field, fields.Nested):
        return {inner: _sample(inner, each) for inner, each in field.schema.fields.items()}
    if isinstance(field, fields.List):
        return [_sample(name, field.inner)]
    if isinstance(field, Secret):
        return SEALED
    if name in SAMPLES:
        return SAMPLES[name]
    for check in field.validators:
        return check.choices[0]
    kinds: dict[type, Any] = {
        fields.UUID: ANOTHER_ID if name in ("person_id", "party_id") else AN_ID,
        fields.AwareDateTime: A_TIME,
        fields.Date: A_TIME[:10],
        fields.Boolean: True,
        fields.Integer: 1,
        fields.String: "…",
    }
    return kinds[type(field)]


def _sample_headers(kind: type[Message], key: str) -> dict[str, str]:
    told = {
        "ce_specversion": "1.0",
        "ce_id": "01936f5e-7c10-7000-8000-00000000000a",
        "ce_type": kind.type,
        "ce_source": "/" + kind.topic.replace(".", "/"),
        "ce_time": A_TIME,
        "ce_subject": key,
        "ce_correlationid": key,
    }
    return told | ({"ce_sequence": "3"} if kind.versioned else {})


def main() -> None:
    """Write both forms."""
    whole = document()
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    (FOLDER / "asyncapi.json").write_text(text, encoding="utf-8")
    plain = yaml.safe_dump(whole, allow_unicode=True, sort_keys=False, width=110)
    (FOLDER / "asyncapi.yaml").write_text(plain, encoding="utf-8")


if __name__ == "__main__":
    main()
