"""What of deploy/k8s is for Strimzi and CloudNativePG is as their schemas want it (tests/deploy/schemas)."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.deploy.test_kubernetes import OBJECTS, OPERATORS
from tests.support.compose import ROOT

Place = tuple[str | int, ...]

FOR_OPERATORS = [each for each in OBJECTS if each["apiVersion"].startswith(OPERATORS)]
SCHEMAS = {
    path.stem: jsonschema.Draft202012Validator(json.loads(path.read_text()))
    for path in (ROOT / "tests/deploy/schemas").glob("*.json")
}
# Where names are free: labels, and what is handed on to Kafka, PostgreSQL and the plugin as it stands.
FREE = {
    ("KafkaNodePool", "metadata.labels"),
    ("KafkaTopic", "metadata.labels"),
    ("KafkaUser", "metadata.labels"),
    ("Kafka", "spec.kafka.config"),
    ("KafkaTopic", "spec.config"),
    ("KafkaNodePool", "spec.resources.limits"),
    ("KafkaNodePool", "spec.resources.requests"),
    ("Cluster", "spec.resources.limits"),
    ("Cluster", "spec.resources.requests"),
    ("Cluster", "spec.postgresql.parameters"),
    ("Cluster", "spec.plugins.parameters"),
}


def refused(told: dict[str, Any]) -> list[str]:
    """What the schema of its kind says against an object."""
    return [f"{error.json_path}: {error.message}" for error in SCHEMAS[told["kind"]].iter_errors(told)]


def mappings(told: Any, path: Place = ()) -> Iterator[Place]:
    """Where there is a mapping in an object, itself first."""
    if isinstance(told, dict):
        yield path
    for key, each in told.items() if isinstance(told, dict) else enumerate(told):
        if isinstance(each, dict | list):
            yield from mappings(each, (*path, key))


def changed(told: dict[str, Any], path: Place, value: Any) -> dict[str, Any]:
    """The object with another value at a path."""
    made: Any = copy.deepcopy(told)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return dict(made)


def test_the_operators_understand_every_object_that_is_for_them() -> None:
    assert {each["kind"] for each in FOR_OPERATORS} == set(SCHEMAS)
    for each in FOR_OPERATORS:
        assert refused(each) == [], each["metadata"]["name"]


def test_a_misspelt_field_is_refused_wherever_names_are_not_free() -> None:
    taken = {
        (each["kind"], ".".join(key for key in path if isinstance(key, str)))
        for each in FOR_OPERATORS
        for path in mappings(each)
        if not refused(changed(each, (*path, "misspelt"), "1"))
    }

    assert taken == FREE


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Kafka", ("apiVersion",), "kafka.strimzi.io/v1beta2"),
        ("Kafka", ("spec", "kafka", "listeners", 0, "authentication", "type"), "scram-sha-256"),
        ("KafkaNodePool", ("spec", "roles", 0), "zookeeper"),
        ("KafkaTopic", ("spec", "partitions"), "6"),
        ("KafkaUser", ("spec", "authorization", "acls", 0, "operations", 0), "Reed"),
        ("Cluster", ("spec", "postgresql", "parameters", "max_connections"), 200),
        ("Cluster", ("spec", "managed", "roles", 0, "ensure"), "there"),
        ("ScheduledBackup", ("spec", "method"), "plugins"),
        ("ObjectStore", ("spec", "retentionPolicy"), "30 days"),
        ("ObjectStore", ("spec", "configuration", "wal", "compression"), "gz"),
    ],
)
def test_a_value_that_is_not_one_of_the_field_s_is_refused(kind: str, path: Place, value: Any) -> None:
    told = next(each for each in FOR_OPERATORS if each["kind"] == kind)

    assert refused(changed(told, path, value)) != []
