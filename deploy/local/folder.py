"""The folder DATA: what the stack keeps between two starts, used by one copy at a time."""

import fcntl
import json
import os
import shutil
from pathlib import Path

from deploy.local.problem import CannotGoOn

NEEDED_MIB = 300


class Folder:
    """DATA and the places inside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets = path / "secrets"
        self.logs = path / "logs"
        self.postgres = path / "postgres"
        self.caddy = path / "caddy"
        self.sandbox = path / "sandbox"
        self.run = path / "run"

    def open(self) -> None:
        """Make the places; CannotGoOn when this folder cannot be used."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for place in (self.path, self.secrets, self.logs, self.caddy, self.sandbox, self.run):
                place.mkdir(mode=0o700, exist_ok=True)
            probe = self.run / "probe"
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise CannotGoOn(
                f"The data folder {self.path} cannot be written ({why}):"
                " make room or give it rights, or choose another with `make run DATA=/another/folder`."
            ) from None

    def has_room(self) -> None:
        """CannotGoOn when the disk is nearly full."""
        free = self.free_mib()
        if free is not None and free < NEEDED_MIB:
            raise CannotGoOn(
                f"Only {free} MiB are free where {self.path} is, and Amicale needs {NEEDED_MIB}:"
                " free some space, or choose another disk with `make run DATA=/another/folder`."
            )

    def free_mib(self) -> int | None:
        """What its disk has left; None when the folder went away."""
        try:
            return shutil.disk_usage(self.path).free // 2**20
        except OSError:
            return None

    def claim(self, port: int) -> int:
        """Hold this folder until the process ends; CannotGoOn when another copy holds it."""
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            other = os.read(lock, 100).decode(errors="replace").split()
            where = f" on http://127.0.0.1:{other[1]}" if len(other) == 2 else ""
            raise CannotGoOn(
                f"Amicale already runs on {self.path}{where}: use that one, stop it,"
                " or start a second copy with `make run PORT=9080 DATA=data-2`."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()} {port}\n".encode())
        return lock

    def note_processes(self, pids: dict[str, int]) -> None:
        """Keep the process ids by name, for operators and tests; a full disk is no reason to stop."""
        note = self.run / "processes.json"
        try:
            (fresh := note.with_suffix(".new")).write_text(json.dumps(pids, indent=1))
            fresh.replace(note)
        except OSError:
            pass

    def processes(self) -> dict[str, int]:
        """Process ids by name, as last noted."""
        try:
            return dict(json.loads((self.run / "processes.json").read_text()))
        except (OSError, ValueError):
            return {}

    def claimed_port(self) -> int | None:
        """The port that the stack on this folder was last started with."""
        try:
            return int((self.path / "lock").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return None
