"""The manifests of deploy/k8s: what Kubernetes understands, the same processes as elsewhere, our own rules.

What Strimzi and CloudNativePG understand: test_operators.py.
"""

import re
from ipaddress import ip_address, ip_network
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.docker import secrets
from shared.kafka import topics
from tests.deploy.test_containers import CONTAINERS, NOT_YET, settings_of
from tests.support.compose import ROOT

FOLDER = ROOT / "deploy/k8s"
KUBERNETES = "1.34"
OPERATORS = ("kafka.strimzi.io", "postgresql.cnpg.io", "barmancloud.cnpg.io")
OBJECTS: list[dict[str, Any]] = [
    each for path in sorted(FOLDER.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text()) if each
]
SETTINGS = {each["metadata"]["name"]: each["data"] for each in OBJECTS if each["kind"] == "ConfigMap"}
PODS = {
    each["metadata"]["name"]: each["spec"]["template"]
    for each in OBJECTS
    if each["kind"] in ("Deployment", "Job")
}
STAY = {each["metadata"]["name"]: each for each in OBJECTS if each["kind"] == "Deployment"}
OURS = sorted(set(PODS) - {"gateway"})


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in OBJECTS if each["kind"] == kind}


def container(name: str) -> dict[str, Any]:
    (found,) = PODS[name]["spec"]["containers"]
    return dict(found)


def version_of(name: str) -> str:
    """The version of a container of docker-compose.yml, without what it stands on (`-bookworm`)."""
    return str(CONTAINERS[name]["image"]).rpartition(":")[2].partition("-")[0]


def told_to(name: str) -> dict[str, str]:
    """Every variable that a container is told."""
    shared = [SETTINGS[each["configMapRef"]["name"]] for each in container(name).get("envFrom", ())]
    own = {each["name"]: each["value"] for each in container(name).get("env", ())}
    return {key: value for each in (*shared, own) for key, value in each.items()}


def test_kubernetes_understands_every_manifest() -> None:
    others = (*OPERATORS, "kustomize.config.k8s.io")
    checked = [each for each in OBJECTS if not each["apiVersion"].startswith(others)]

    assert len(checked) > 50
    for each in checked:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_every_file_is_in_the_kustomization() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]

    assert {*listed, "kustomization.yaml"} == {path.name for path in FOLDER.glob("*.yaml")}


@pytest.mark.parametrize("name", OURS)
def test_a_process_is_started_as_by_compose_and_told_what_it_reads(name: str) -> None:
    read = {
        each.metadata.get("env", each.name.upper())
        for each in settings_of(name).__dataclass_fields__.values()
    }
    told = {each if each in read else each.removesuffix("_FILE") for each in told_to(name)}
    by_compose = {
        each if each in read else each.removesuffix("_FILE") for each in CONTAINERS[name]["environment"]
    }

    assert container(name)["command"] == CONTAINERS[name]["command"]
    assert told - read - NOT_YET == set()
    optional = {"DPO_EMAIL", "EMAILS_NOT_BEFORE"}
    assert by_compose - told - optional == set()
    assert "AMICALE_DEMO" not in told


@pytest.mark.parametrize("name", OURS)
def test_every_secret_is_a_file_that_is_mounted(name: str) -> None:
    files = {
        value.rpartition("/")[2] for value in told_to(name).values() if value.startswith("/run/secrets/")
    }
    volumes = {each["name"]: each for each in PODS[name]["spec"]["volumes"]}
    sources = volumes["secrets"]["projected"]["sources"] if files else []
    whole = {
        "keys": {"link_key", "message_key", "email_key"},
        "token-key": {"token_private_key"},
        "provider-accounts": {"provider_accounts.json"},
        "smtp": {"smtp_url"},
    }
    mounted = {
        file
        for source in sources
        for file in whole.get(source["secret"]["name"], set())
        | {item["path"] for item in source["secret"].get("items", ())}
    }

    assert files == mounted
    assert not [each for each in container(name).get("env", ()) if "valueFrom" in each]


@pytest.mark.parametrize("name", sorted(PODS))
def test_a_pod_may_do_nothing_but_its_work(name: str) -> None:
    pod, only = PODS[name]["spec"], container(name)

    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == secrets.USER
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(only["resources"]["requests"]) == {"cpu", "memory"} and only["resources"]["limits"]["memory"]
    assert re.search(r":\d+\.\d+", only["image"])


@pytest.mark.parametrize("name", sorted(STAY))
def test_what_stays_is_asked_whether_it_lives_and_goes_one_at_a_time(name: str) -> None:
    told = STAY[name]["spec"]

    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container(name)[probe]
        assert asked.get("httpGet", {"path": "/healthz"})["path"] == "/healthz"
    assert of_kind("PodDisruptionBudget")[name]["spec"]["maxUnavailable"] == 1
    assert told["strategy"]["rollingUpdate"]["maxUnavailable"] in (0, 1)
    assert told["template"]["spec"]["topologySpreadConstraints"]
    compose = CONTAINERS[name]["stop_grace_period"].removesuffix("s")
    assert told["template"]["spec"]["terminationGracePeriodSeconds"] >= int(compose)


@pytest.mark.parametrize("service", secrets.SERVICES)
def test_the_autoscaler_leaves_room_at_the_database(service: str) -> None:
    most = of_kind("HorizontalPodAutoscaler")[f"{service}-api"]["spec"]["maxReplicas"]
    room = int(of_kind("Cluster")[service]["spec"]["postgresql"]["parameters"]["max_connections"])

    assert (most + 1 + 2) * 14 < room  # one more while it is replaced, and two workers


def test_the_services_are_alike_but_for_their_names_and_what_they_alone_are_told() -> None:
    own = re.compile(
        r".*(TOKEN_PRIVATE_KEY|PROVIDER_ACCOUNTS|SMTP_URL|token-key|provider-accounts|name: smtp).*\n"
        r"|, \{configMapRef: \{name: emails\}\}"
    )
    texts = {}
    for service in secrets.SERVICES:
        text = own.sub("", (FOLDER / f"{service}.yaml").read_text())
        text = text.replace("http://directory-api", "http://keys").replace(service.title(), "Service")
        texts[service] = text.replace(service, "service")

    assert len(set(texts.values())) == 1


def test_topics_and_rights_are_those_that_topics_yml_declares() -> None:
    made, users = of_kind("KafkaTopic"), of_kind("KafkaUser")

    assert set(made) == {topic.name for topic in topics()} and set(users) == set(secrets.SERVICES)
    rights = {
        (name, right["resource"]["name"], operation)
        for name, user in users.items()
        for right in user["spec"]["authorization"]["acls"]
        if right["resource"]["type"] == "topic"
        for operation in right["operations"]
        if operation != "Describe"
    }
    declared = {(topic.writer, topic.name, "Write") for topic in topics()}
    declared |= {(reader, topic.name, "Read") for topic in topics() for reader in topic.readers}
    assert rights == declared
    for topic in topics():
        told = made[topic.name]["spec"]
        assert (told["partitions"], told["replicas"]) == (topic.partitions, 3)
        config = {key: str(value) for key, value in told["config"].items()}
        assert config == topic.config | {"min.insync.replicas": "2"}


def test_kafka_asks_who_is_calling_and_outlives_a_node() -> None:
    kafka, nodes = of_kind("Kafka")["kafka"]["spec"]["kafka"], of_kind("KafkaNodePool")["nodes"]["spec"]

    assert nodes["replicas"] == 3 and set(nodes["roles"]) == {"controller", "broker"}
    assert kafka["authorization"] == {"type": "simple"}
    (listener,) = kafka["listeners"]
    assert listener["tls"] is True and listener["authentication"] == {"type": "scram-sha-512"}
    assert (
        kafka["config"]["min.insync.replicas"] == 2 and kafka["config"]["auto.create.topics.enable"] is False
    )


def test_the_versions_are_those_that_compose_runs() -> None:
    databases = {each["spec"]["imageName"] for each in of_kind("Cluster").values()}

    assert of_kind("Kafka")["kafka"]["spec"]["kafka"]["version"] == version_of("kafka")
    assert databases == {f"ghcr.io/cloudnative-pg/postgresql:{version_of('postgres')}"}


@pytest.mark.parametrize("service", secrets.SERVICES)
def test_a_database_has_copies_a_backup_and_a_role_that_owns_nothing(service: str) -> None:
    told, backup = of_kind("Cluster")[service]["spec"], of_kind("ScheduledBackup")[service]["spec"]

    assert told["instances"] == 3 and told["enableSuperuserAccess"] is False
    assert told["bootstrap"]["initdb"]["owner"] == f"{service}_owner"
    assert [role["name"] for role in told["managed"]["roles"]] == [f"{service}_app"]
    assert told["plugins"][0]["isWALArchiver"] is True
    assert backup["cluster"] == {"name": service} and backup["method"] == "plugin"


def test_only_a_service_itself_reaches_its_database() -> None:
    policies = of_kind("NetworkPolicy")

    assert policies["nothing-by-default"]["spec"] == {
        "podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": []
    }  # fmt: skip
    for service in secrets.SERVICES:
        (mine, _) = policies[f"{service}-database"]["spec"]["ingress"]
        (callers,) = mine["from"][0]["podSelector"]["matchExpressions"]
        assert callers["values"] == [f"{service}-api", f"{service}-worker", f"{service}-migrate"]
    (to,) = policies["gateway"]["spec"]["egress"]
    assert to["to"][0]["podSelector"]["matchExpressions"][0]["values"] == ["api", "web"]


def test_outside_is_no_network_of_ones_own() -> None:
    (to,) = of_kind("NetworkPolicy")["outside"]["spec"]["egress"][0]["to"]
    outside = to["ipBlock"]

    inside = [ip_network(each) for each in outside["except"]]
    for address in (
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.254",
        "172.31.0.1",
        "192.168.1.1",
        "169.254.169.254",
    ):
        assert any(ip_address(address) in each for each in inside), address
    assert outside["cidr"] == "0.0.0.0/0" and not any(ip_address("8.8.8.8") in each for each in inside)
