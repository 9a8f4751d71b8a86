"""Apache Kafka itself, where Java and Maven are there: one broker, KRaft, on a free port."""

import shutil
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

from shared.kafka import Broker
from tests.support.broker import free_port

ROOT = Path(__file__).parent.parent.parent
JARS = ROOT / "build" / "kafka"
ADMIN, PASSWORD = "admin", "test"
USERS = ("directory", "events", "giving", "notify")


@cache
def missing() -> str:
    """Why it cannot run here, in words; empty when it can. Fetches the jars the first time."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            return f"Apache Kafka needs {tool}"
    if not any(JARS.glob("kafka_2.13-*.jar")):
        command = ["mvn", "-q", "-B", "-f", str(ROOT / "deploy" / "kafka"), "dependency:copy-dependencies"]
        done = subprocess.run([*command, f"-DoutputDirectory={JARS}"], capture_output=True, timeout=300)
        if done.returncode:
            return "the jars of Apache Kafka cannot be fetched"
    return ""


class ApacheKafka:
    """One broker process with its data in `folder`; with `signs_in`, callers say who they are."""

    def __init__(self, folder: Path, *, signs_in: bool = False) -> None:
        self.folder = folder
        self.signs_in = signs_in
        self.port, self.controller_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.broker = self.as_user(ADMIN)
        self._process: subprocess.Popen[bytes] | None = None

    def as_user(self, name: str) -> Broker:
        """The broker as one user speaks to it."""
        if not self.signs_in:
            return Broker(self.address)
        return Broker(
            self.address,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_plain_username=name,
            sasl_plain_password=PASSWORD,
        )

    def start(self) -> None:
        """Start it with the data it had; the topics are made when it had none."""
        (self.folder / "server.properties").write_text(self._properties())
        if not (self.folder / "data" / "meta.properties").exists():
            cluster_id = urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode().replace("-", "a")
            self._java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", "server.properties")
        log = (self.folder / "kafka.log").open("ab")
        command = [*self._command("-Xmx512m"), "kafka.Kafka", "server.properties"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
        )
        log.close()
        self._await()
        self.broker.apply_topics(rights=self.signs_in)

    def kill(self) -> None:
        """End it at once; its data stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def empty(self) -> None:
        """Kill it, take all it held, and start it as another cluster."""
        self.kill()
        shutil.rmtree(self.folder / "data")
        self.start()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _command(self, *options: str) -> list[str]:
        return ["java", *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{JARS}/*"]

    def _java(self, *arguments: str) -> None:
        subprocess.run(
            [*self._command(), *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60
        )

    def _await(self, within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                self.broker.cluster()
                return
            except Exception:
                time.sleep(0.2)
        raise TimeoutError((self.folder / "kafka.log").read_text()[-2000:])

    def _properties(self) -> str:
        protocol = "SASL_PLAINTEXT" if self.signs_in else "PLAINTEXT"
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": f"CLIENT://{self.address},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"CLIENT://{self.address}",
            "listener.security.protocol.map": f"CLIENT:{protocol},CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
        }
        if self.signs_in:
            users = "".join(f' user_{name}="{PASSWORD}"' for name in (ADMIN, *USERS))
            login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
            lines |= {
                "sasl.enabled.mechanisms": "PLAIN",
                "sasl.mechanism.inter.broker.protocol": "PLAIN",
                "listener.name.client.plain.sasl.jaas.config": (
                    f'{login} username="{ADMIN}" password="{PASSWORD}"{users};'
                ),
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": f"User:{ADMIN};User:ANONYMOUS",
            }
        return "".join(f"{name}={value}\n" for name, value in lines.items())


@contextmanager
def running(folder: Path, *, signs_in: bool = False) -> Iterator[ApacheKafka]:
    """A broker that lives as long as the block."""
    kafka = ApacheKafka(folder, signs_in=signs_in)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.kill()
