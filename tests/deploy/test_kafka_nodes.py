"""`make kafka`: what it is told, what it says when it cannot start, and a cluster that keeps its data."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.kafka import jars, settings
from deploy.kafka.nodes import Cluster
from deploy.local.problem import CannotGoOn
from tests.support import apache_kafka
from tests.support.broker import free_port

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("name", "value"),
    [("NODES", "2"), ("NODES", "three"), ("PORT", "80"), ("PORT", "٩٠٩٢"), ("SASL", "yes"), ("NODES", "")],
)
def test_what_makes_no_sense_is_said_in_one_sentence(name: str, value: str) -> None:
    with pytest.raises(CannotGoOn, match=name):
        settings.load({name: value})


def test_nothing_told_means_one_node_at_kafkas_own_port() -> None:
    told = settings.load({})

    assert (told.nodes, told.port, told.data.name, told.signs_in) == (1, 9092, "data-kafka", False)


def test_what_has_to_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars.shutil, "which", lambda tool: None)
    monkeypatch.setattr(jars, "are_here", lambda: False)

    assert "java and mvn" in jars.missing_tool() and "apt install" in jars.missing_tool()


MAVEN = """#!/bin/sh
for told; do case "$told" in -DoutputDirectory=*) into=${told#*=} ;; esac; done
mkdir -p "$into" && touch "$into/kafka-$(cat pom.xml).jar"
"""


@pytest.fixture
def pom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pom.xml that names a version, and a Maven that fetches it."""
    maven = tmp_path / "mvn"
    maven.write_text(MAVEN)
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jars, "POM", tmp_path / "pom.xml")
    monkeypatch.setattr(jars, "JARS", tmp_path / "jars")
    monkeypatch.setattr(jars, "WHOLE", tmp_path / "jars" / ".whole")
    return tmp_path / "pom.xml"


def test_another_version_in_the_pom_is_fetched_in_place_of_the_one_that_is_there(pom: Path) -> None:
    pom.write_text("4.3.0")
    assert not jars.are_here()
    jars.fetch()
    assert jars.are_here()

    pom.write_text("4.3.1")

    assert not jars.are_here()
    jars.fetch()
    assert jars.are_here() and [each.name for each in jars.JARS.glob("*.jar")] == ["kafka-4.3.1.jar"]


def test_three_nodes_keep_each_message_three_times_and_lead_nobody_uncleanly(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, [(9092 + n, 9192 + n) for n in range(3)], signs_in=True)
    (tmp_path / "passwords.json").write_text('{"admin": "a", "giving": "g"}')

    lines = dict(line.split("=", 1) for line in cluster._properties(cluster.nodes[1]).splitlines())

    assert lines["node.id"] == "2" and lines["unclean.leader.election.enable"] == "false"
    assert lines["controller.quorum.voters"].count("@127.0.0.1:") == 3
    assert lines["offsets.topic.replication.factor"] == "3" and lines["transaction.state.log.min.isr"] == "2"
    assert lines["super.users"] == "User:admin" and "ANONYMOUS" not in str(lines)
    assert all("0.0.0.0" not in value for value in lines.values())


@pytest.mark.parametrize(("kept", "wanted", "words"), [(1, 3, "a Kafka of one node:"), (3, 1, "of 3 nodes:")])
def test_a_folder_of_another_number_of_nodes_is_named_by_what_it_holds(
    tmp_path: Path, kept: int, wanted: int, words: str
) -> None:
    (tmp_path / "nodes").write_text(str(kept))

    with pytest.raises(CannotGoOn, match=f"{words} start it with NODES={kept}"):
        Cluster(tmp_path, [(9092 + n, 9192 + n) for n in range(wanted)]).prepare()


def said_by(data: Path, port: int, **told: str) -> "subprocess.Popen[str]":
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "DATA": str(data), "PORT": str(port), **told}
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.kafka"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    if reason := apache_kafka.missing():
        pytest.skip(reason)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = said_by(tmp_path / "k", taken.getsockname()[1])
        said, _ = process.communicate(timeout=60)

    assert process.returncode == 1 and "is in use" in said and "Traceback" not in said


@pytest.mark.full
@pytest.mark.timeout(300)
def test_it_starts_says_how_to_use_it_and_keeps_its_data(tmp_path: Path) -> None:
    if reason := apache_kafka.missing():
        pytest.skip(reason)
    data, port = tmp_path / "kafka", free_port()
    for made in ("5 topics made", "0 topics made"):
        process = said_by(data, port)
        assert process.stdout is not None
        lines: list[str] = []
        while "make run" not in (line := process.stdout.readline()):
            assert process.poll() is None, lines
            lines.append(line)
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=60)[0]
        assert any(made in each for each in lines) and f"127.0.0.1:{port}" in line
        assert process.returncode == 0 and "the data stay" in rest

    refused = said_by(data, port, NODES="3")
    said, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1 and "NODES=1" in said and "Traceback" not in said
