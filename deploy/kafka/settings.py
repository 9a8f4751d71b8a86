"""What `make kafka` is told from outside: how many nodes, where they listen and keep their data."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.problem import CannotGoOn

PORT, PORT_MAX = 9092, 65_000
SIZES = {"1": 1, "3": 3}


@dataclass(frozen=True, kw_only=True)
class KafkaNodesSettings:
    """What was told, or the defaults."""

    nodes: int
    port: int
    data: Path
    signs_in: bool
    path: str


def load(environ: Mapping[str, str] | None = None) -> KafkaNodesSettings:
    """Read the environment once; CannotGoOn says which value makes no sense."""
    source = os.environ if environ is None else environ
    nodes, port, sasl = source.get("NODES", "1"), source.get("PORT", str(PORT)), source.get("SASL", "0")
    if nodes not in SIZES:
        raise CannotGoOn(f"NODES is {nodes[:20]!r}: give 1, or 3 of which one may die.")
    if not (port.isascii() and port.isdigit() and 1024 <= int(port) <= PORT_MAX):
        raise CannotGoOn(f"PORT is {port[:20]!r}: give a number from 1024 to {PORT_MAX}.")
    if sasl not in {"0", "1"}:
        raise CannotGoOn(f"SASL is {sasl[:20]!r}: give 1 to have each service sign in as its own user.")
    return KafkaNodesSettings(
        nodes=SIZES[nodes],
        port=int(port),
        data=Path(source.get("DATA") or "data-kafka").expanduser().absolute(),
        signs_in=sasl == "1",
        path=source.get("PATH", "/usr/bin:/bin"),
    )
