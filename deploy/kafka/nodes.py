"""One or three KRaft nodes on loopback, each broker and controller: their files and their command lines."""

import json
import secrets
import subprocess
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from deploy.kafka.jars import JARS
from deploy.local.problem import CannotGoOn
from shared.kafka import Broker

ADMIN = "admin"
USERS = ("directory", "events", "giving", "notify")
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
HEAP_MIB = {1: 512, 3: 320}
JAVA = ("java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{JARS}/*")


@dataclass(frozen=True)
class Node:
    """One of them: where it listens, and the folder of its data."""

    number: int
    port: int
    controller_port: int
    folder: Path

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"127.0.0.1:{self.port}"

    @property
    def properties(self) -> Path:
        """The file that it is started with."""
        return self.folder / "server.properties"

    @property
    def data(self) -> Path:
        """What it keeps between two starts."""
        return self.folder / "data"


class Cluster:
    """The nodes that are one Kafka. Three keep each message three times, and need two to take one.

    `ports` has a pair for each node: the clients' and the controllers'. With `signs_in` callers say
    who they are; the passwords are made once and kept in the folder.
    """

    def __init__(self, folder: Path, ports: list[tuple[int, int]], *, signs_in: bool = False) -> None:
        self.folder = folder
        self.signs_in = signs_in
        self.passwords_file = folder / "passwords.json"
        self.nodes = [
            Node(number, *pair, folder=folder / f"node-{number}")
            for number, pair in enumerate(ports, start=1)
        ]

    @property
    def servers(self) -> str:
        """KAFKA_BOOTSTRAP_SERVERS of this cluster."""
        return ",".join(node.address for node in self.nodes)

    @property
    def copies(self) -> int:
        """How many nodes keep each message."""
        return len(self.nodes)

    def as_user(self, name: str = ADMIN) -> Broker:
        """The cluster as one user speaks to it."""
        if not self.signs_in:
            return Broker(self.servers)
        return Broker(
            self.servers,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_plain_username=name,
            sasl_plain_password=self.passwords()[name],
        )

    def passwords(self) -> dict[str, str]:
        """The password of each user."""
        found: dict[str, str] = json.loads(self.passwords_file.read_text())
        return found

    def prepare(self) -> None:
        """Write the files of each node and format those that hold nothing yet.

        CannotGoOn when the folder was made for another number of nodes, or cannot be written.
        """
        try:
            self._keep("cluster_id", _cluster_id())
            kept = self._keep("nodes", str(len(self.nodes)))
            if kept != str(len(self.nodes)):
                raise CannotGoOn(
                    f"{self.folder} holds a Kafka of {count(int(kept))}: start it with NODES={kept},"
                    " or choose another folder with DATA=…"
                )
            if self.signs_in:
                made = {name: secrets.token_urlsafe(24) for name in (ADMIN, *USERS)}
                self._keep(self.passwords_file.name, json.dumps(made))
            for node in self.nodes:
                node.folder.mkdir(mode=0o700, exist_ok=True)
                _write(node.properties, self._properties(node))
        except OSError as error:
            raise CannotGoOn(
                f"{self.folder} cannot be written ({error.strerror}): choose another DATA."
            ) from None
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._format, self.nodes))

    def command(self, node: Node) -> list[str]:
        """How a node is started."""
        return [JAVA[0], f"-Xmx{HEAP_MIB[len(self.nodes)]}m", *JAVA[1:], "kafka.Kafka", str(node.properties)]

    def forget(self) -> None:
        """The next start is another cluster."""
        (self.folder / "cluster_id").unlink()

    def _format(self, node: Node) -> None:
        if (node.data / "meta.properties").exists():
            return
        words = ("kafka.tools.StorageTool", "format", "-t", (self.folder / "cluster_id").read_text())
        done = subprocess.run(
            [*JAVA, *words, "-c", str(node.properties)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise CannotGoOn(f"Node {node.number} cannot be formatted: {(done.stderr or done.stdout)[-300:]}")

    def _keep(self, name: str, value: str) -> str:
        """What the folder holds under this name; `value` when it holds nothing yet."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / name
        if not path.exists():
            _write(path, value)
        return path.read_text()

    def _properties(self, node: Node) -> str:
        size = len(self.nodes)
        protocol = "SASL_PLAINTEXT" if self.signs_in else "PLAINTEXT"
        lines = {
            "process.roles": "broker,controller",
            "node.id": node.number,
            "controller.quorum.voters": ",".join(
                f"{each.number}@127.0.0.1:{each.controller_port}" for each in self.nodes
            ),
            "listeners": f"CLIENT://{node.address},CONTROLLER://127.0.0.1:{node.controller_port}",
            "advertised.listeners": f"CLIENT://{node.address}",
            "listener.security.protocol.map": f"CLIENT:{protocol},CONTROLLER:{protocol}",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": node.data,
            "auto.create.topics.enable": "false",
            "unclean.leader.election.enable": "false",
            "offsets.topic.replication.factor": size,
            "offsets.topic.num.partitions": 1 if size == 1 else 6,
            "transaction.state.log.replication.factor": size,
            "transaction.state.log.min.isr": 1 if size == 1 else 2,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1_000,
            **(self._sign_in() if self.signs_in else {}),
        }
        return "".join(f"{name}={value}\n" for name, value in lines.items())

    def _sign_in(self) -> dict[str, str]:
        """Nodes and controllers sign in as the administrator, services as themselves, nobody namelessly."""
        passwords = self.passwords()
        users = "".join(f' user_{name}="{password}"' for name, password in passwords.items())
        login = f'{LOGIN} username="{ADMIN}" password="{passwords[ADMIN]}"{users};'
        return {
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.client.plain.sasl.jaas.config": login,
            "listener.name.controller.plain.sasl.jaas.config": login,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN}",
        }


def count(nodes: int) -> str:
    """How many, in words."""
    return "one node" if nodes == 1 else f"{nodes} nodes"


def _cluster_id() -> str:
    """A new one; Kafka takes none that begins with a dash."""
    return urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode().replace("-", "a")


def _write(path: Path, content: str) -> None:
    """Its owner alone may read it: passwords stand in some."""
    path.touch(mode=0o600)
    path.write_text(content)
