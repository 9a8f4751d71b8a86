"""Backups: every embedded database and the secrets in one dated folder, and the way back.

A backup is taken while the stack runs; it is put back while it is stopped. What the payment provider, the
broker and the mail server know is not in it: deploy/RUNBOOK.md says what to do about that after a restore.
"""

import asyncio
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from deploy.local.folder import Folder
from deploy.local.layout import Layout
from deploy.local.postgres import Postgres
from deploy.local.problem import CannotGoOn
from deploy.local.stack import START_WITHIN_S, Stack
from deploy.local.terminal import Terminal


async def backup(layout: Layout, terminal: Terminal, into: Path) -> None:
    """Write a folder named by the moment, only its owner's to read; it has its name once it is whole.

    Who hears is dumped before who tells (giving before directory, notify before both): then no database of
    the backup knows of a fact that the one it came from has lost.
    """
    server = _server(layout)
    if not await server.answers():
        raise CannotGoOn("PostgreSQL does not answer: a backup is taken while Amicale runs (`make run`).")
    place = into / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    fresh = place.with_name(f".{place.name}.new")
    try:
        fresh.mkdir(mode=0o700, parents=True)
        _copy_secrets(layout.folder.secrets, fresh / "secrets")
        for service in reversed(layout.embedded):
            dump = fresh / f"{service}.dump"
            dump.touch(mode=0o600)
            await server.dump(service, dump)
            terminal.step(f"{service}: {dump.stat().st_size / 2**20:.1f} MiB")
        fresh.rename(place)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise CannotGoOn(f"The backup cannot be written to {into} ({why}).") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    terminal.line(f"The backup is whole: {place}. It holds secrets: keep it as closed as they are.")


async def restore(layout: Layout, terminal: Terminal, source: Path, only: Sequence[str] = ()) -> None:
    """Put the databases of `source` in place of those here, all at once or none; its secrets too.

    Restoring `only` some services leaves the secrets as they are: the other services go on with them.
    """
    server, dumps = _server(layout), _dumps(layout, source, only)
    _hold(layout)
    if warning := layout.folder.has_room():
        terminal.warn(warning)
    stack = Stack(layout, terminal)
    stack.check_ports()
    if not only:
        _put_secrets_back(source / "secrets", layout.folder, keep_passwords=server.exists)
        terminal.step("secrets are put back")
    try:
        async with asyncio.timeout(START_WITHIN_S):
            await stack.prepare_database()
        await _read(server, terminal, dumps)
        await server.put_in_place(list(dumps))
        layout.folder.note_restored(datetime.now(UTC))
        for service in dumps:
            await _compare(stack, service)
    except TimeoutError:
        raise CannotGoOn(f"PostgreSQL does not start; what it said is in {layout.folder.logs}.") from None
    finally:
        await stack.stop()
    terminal.line(
        f"Restored: {', '.join(dumps)}. Now start Amicale (`make run`), then do what deploy/RUNBOOK.md says"
        " under *After a restore*: payments taken since the backup are at the provider, not in the books."
    )


async def _read(server: Postgres, terminal: Terminal, dumps: Mapping[str, Path]) -> None:
    for service, dump in dumps.items():
        await server.load(service, dump)
        terminal.step(f"{service}: {dump} is read")


async def _compare(stack: Stack, service: str) -> None:
    """Say whether the totals that were put back equal what they are the sums of (the service's `drift`)."""
    if find_spec(f"services.{service}.drift") is None:
        return
    name, program = f"{service}-drift", [sys.executable, "-m", f"services.{service}.drift"]
    try:
        await stack.migrate(service)
        await stack.run_once(name, program, stack.layout.environment(service))
    except CannotGoOn as problem:
        stack.terminal.warn(f"The totals of {service} were not found to agree. {problem.sentence}")
    else:
        stack.terminal.step(f"{service}: its totals agree with the books")


def _server(layout: Layout) -> Postgres:
    if layout.postgres is None:
        raise CannotGoOn("No database is embedded here: use pg_dump and pg_restore of your own PostgreSQL.")
    return layout.postgres


def _dumps(layout: Layout, source: Path, only: Sequence[str]) -> dict[str, Path]:
    wanted = {service: source / f"{service}.dump" for service in only or layout.embedded}
    if unknown := [service for service in wanted if service not in layout.embedded]:
        raise CannotGoOn(f"There is no embedded database {unknown[0]}: {', '.join(layout.embedded)} are.")
    if missing := [path for path in (*wanted.values(), source / "secrets") if not path.exists()]:
        raise CannotGoOn(f"{source} is no whole backup: {missing[0].name} is not in it. Nothing was changed.")
    return wanted


def _hold(layout: Layout) -> None:
    """Keep the stack from starting meanwhile; CannotGoOn when it runs."""
    layout.folder.open()
    try:
        layout.folder.claim(layout.settings.port)
    except CannotGoOn:
        raise CannotGoOn(
            f"Amicale runs on {layout.folder.path}: stop it (Ctrl-C, or `kill` its supervisor), then restore."
        ) from None


def _copy_secrets(here: Path, there: Path) -> None:
    there.mkdir(mode=0o700)
    for secret in here.iterdir():
        (copy := there / secret.name).touch(mode=0o600)
        copy.write_bytes(secret.read_bytes())


def _put_secrets_back(source: Path, folder: Folder, *, keep_passwords: bool) -> None:
    """The passwords of a server that is there stay: it knows its own."""
    for secret in source.iterdir():
        if keep_passwords and secret.name.startswith("database_"):
            continue
        (fresh := folder.secrets / f".{secret.name}.new").unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_bytes(secret.read_bytes())
        fresh.replace(folder.secrets / secret.name)
