"""The folder DATA: what the stack keeps between two starts, used by one copy at a time."""

import fcntl
import json
import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from deploy.local.problem import CannotGoOn

NEEDED_MIB = 300
MEMORY = Path("/dev/shm")
MEMORY_NEEDED_MIB = 16
NEEDED_AGAIN_MIB = 50
"""What a folder that has its files already can be started with: enough to stop well and to make room."""

ANOTHER = "A stack that was started with DATA=… is reached with the same DATA=… before the command."


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
        self.counters = self.run / "counters"
        self.restored = path / "restored_at"

    def open(self) -> None:
        """Make the places; CannotGoOn when this folder cannot be used."""
        if self.path.exists() and not self.path.is_dir():
            raise CannotGoOn(f"DATA is {self.path}, which is a file: name a folder, or nothing for `data`.")
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

    def has_room(self) -> str | None:
        """CannotGoOn when the disk is too full to begin; a warning when what is there can still start."""
        free = free_mib(self.path)
        if free >= NEEDED_MIB:
            return None
        if (self.postgres / "PG_VERSION").exists() and free >= NEEDED_AGAIN_MIB:
            return f"Only {free} MiB are free where {self.path} is: make room soon (`du -sh {self.path}/*`)."
        raise CannotGoOn(
            f"Only {free} MiB are free where {self.path} is, and Amicale needs {NEEDED_MIB}:"
            " free some space, or choose another disk with `make run DATA=/another/folder`."
        )

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

    def open_counters(self) -> None:
        """An empty place for what the processes of a service count together: in memory, where there is some.

        The files there are mapped without being written first: on a full disk the system would end whoever
        counts (SIGBUS), and that is every request. Only a link to the place stands in DATA.
        """
        self.close_counters()
        if MEMORY.is_dir() and free_mib(MEMORY) >= MEMORY_NEEDED_MIB:
            self.counters.symlink_to(tempfile.mkdtemp(prefix="amicale-", dir=MEMORY))
        else:
            self.counters.mkdir()

    def close_counters(self) -> None:
        """Remove that place, also one that a killed stack left behind."""
        if not self.counters.is_symlink():
            shutil.rmtree(self.counters, ignore_errors=True)
            return
        place = self.counters.readlink()
        self.counters.unlink()
        if place.parent == MEMORY:
            shutil.rmtree(place, ignore_errors=True)

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

    def note_restored(self, at: datetime) -> None:
        """Keep the moment of a restore: emails about what came before it may have been sent already."""
        self.restored.write_text(at.isoformat())

    def restored_at(self) -> str:
        """The moment of the last restore; empty when there was none."""
        return self.restored.read_text().strip() if self.restored.exists() else ""

    def claimed_port(self) -> int | None:
        """The port that the stack on this folder was last started with."""
        try:
            return int((self.path / "lock").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return None


def free_mib(place: Path) -> int:
    """What the disk of a place has left, or will have where it is not there yet."""
    there = next(each for each in (place, *place.parents) if each.exists())
    return shutil.disk_usage(there).free // 2**20
