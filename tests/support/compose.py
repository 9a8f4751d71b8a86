"""docker-compose.yml as compose reads it, and its commands run here: no container engine, the same words.

A container's command, environment, secrets and health check are taken from the file as they stand. What an
engine would do is done by hand: names of containers become ports of this machine, /run/secrets a folder, and,
when root runs this, the process becomes the file's numeric user, who owns nothing here.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploy.local.child import tied_to
from tests.support.broker import free_port

ROOT = Path(__file__).parent.parent.parent
ASKED = re.compile(r"\$\$|\$\{(?P<name>[A-Z_]+)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\}")


class NotTold(Exception):
    """A variable that the file asks for is not given; its sentence."""


def load(told: dict[str, str]) -> dict[str, Any]:
    """The file with its variables put in; NotTold as compose refuses."""
    return _told(yaml.safe_load((ROOT / "docker-compose.yml").read_text()), told)


def _told(value: Any, told: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _told(each, told) for key, each in value.items()}
    if isinstance(value, list):
        return [_told(each, told) for each in value]
    return ASKED.sub(lambda found: _one(found, told), value) if isinstance(value, str) else value


def _one(found: re.Match[str], told: dict[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    if value := told.get(found["name"]):
        return value
    if found["kind"] == ":?":
        raise NotTold(f"{found['name']}: {found['rest']}")
    return found["rest"] or ""


@dataclass
class Machine:
    """This machine in the place of an engine."""

    file: dict[str, Any]
    secrets: Path
    outside: dict[str, str]
    """Where the images that are not ours are found instead: `{"kafka:9092": "127.0.0.1:4711"}`."""
    logs: Path
    ports: dict[tuple[str, str], int] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def port(self, name: str, inside: str) -> int:
        """The port here of a container's port."""
        return self.ports.setdefault((name, inside), free_port())

    def put_outside_into_secrets(self, names: Iterable[str]) -> None:
        """Addresses inside secrets, too, are those of this machine."""
        for name in names:
            path = self.secrets / name
            path.write_text(self._here("", path.read_text()))

    def environment(self, name: str) -> dict[str, str]:
        """What the file tells a container, and nothing of what this process was told."""
        told = {
            key: self._here(name, str(value))
            for key, value in self.file["services"][name]["environment"].items()
        }
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            **told,
        }

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a container that comes to an end."""
        return subprocess.run(
            self._command(name, self.file["services"][name]["command"]),
            cwd=ROOT, env=self.environment(name), capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def start(self, name: str) -> None:
        """Start a container that stays."""
        with (self.logs / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                self._command(name, self.file["services"][name]["command"]),
                cwd=ROOT, env=self.environment(name), stdout=log, stderr=log,
                preexec_fn=tied_to(os.getpid(), signal.SIGTERM),
            )  # fmt: skip

    def wait_until_healthy(self, name: str, *, within_s: float = 120) -> None:
        """Ask the file's own health check until it says yes."""
        check = self.file["services"][name]["healthcheck"]["test"]
        assert check[0] == "CMD"
        until = time.monotonic() + within_s
        while subprocess.run(
            self._command(name, check[1:]), cwd=ROOT, env=self.environment(name), capture_output=True
        ).returncode:
            said = (self.logs / f"{name}.log").read_text(errors="replace")[-2000:]
            assert self.running[name].poll() is None, f"{name} ended: {said}"
            assert time.monotonic() < until, f"{name} is not healthy: {said}"
            time.sleep(0.3)

    def stop(self) -> dict[str, float]:
        """Stop everything as an engine does; how long each took, in seconds."""
        began, took = time.monotonic(), {}
        for process in self.running.values():
            process.terminate()
        for name, process in self.running.items():
            process.wait(60)
            took[name] = time.monotonic() - began
        return took

    def _command(self, name: str, words: list[str]) -> list[str]:
        here = [self._here(name, word) for word in words]
        user, _, group = self.file["services"][name]["user"].partition(":")
        become = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        beside = Path(sys.executable).with_name(here[0])
        program = str(beside if beside.exists() else here[0])
        return [*(become if os.geteuid() == 0 else []), program, *here[1:]]

    def _here(self, name: str, text: str) -> str:
        """A word of the file with the names and ports of this machine."""
        for there, here in self.outside.items():
            text = text.replace(there, here)
        text = text.replace("/run/secrets", str(self.secrets))
        text = re.sub(
            r"([a-z]+(?:-[a-z]+)?):8000", lambda found: f"127.0.0.1:{self.port(found[1], '8000')}", text
        )
        text = text.replace("0.0.0.0:8000", f"127.0.0.1:{self.port(name, '8000')}").replace(
            "0.0.0.0", "127.0.0.1"
        )
        return str(self.port(name, text)) if text in {"8000", "9000"} else text

    def _address(self, name: str) -> str:
        return f"127.0.0.1:{self.port(name, '8000')}"
