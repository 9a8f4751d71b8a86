"""A backup of the real stack, taken while it runs, and put back: on the same machine and on a new one."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from deploy.local.folder import Folder
from deploy.local.layout import ROOT
from tests.support.stack import RunningStack, running_stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

OURS = {"directory.dump", "events.dump", "giving.dump", "notify.dump", "secrets"}

KEPT = """
insert into entities (id, slug, name, can_issue_receipts, created_at)
values (gen_random_uuid(), 'kept', 'Kept', false, now())
"""


def command(data: Path, *words: str, **told: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.local", *words],
        cwd=ROOT, env={**os.environ, "DATA": str(data), **told}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def sql(stack: RunningStack, statement: str, *, role: str = "owner") -> list[tuple[object, ...]]:
    with psycopg.connect(stack.database_url("giving", role), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def taken(data: Path, into: Path) -> Path:
    """A backup's folder."""
    done = command(data, "backup", str(into))
    assert done.returncode == 0, done.stdout
    (place,) = into.iterdir()
    return place


def as_it_was(stack: RunningStack) -> None:
    """The books are those of the backup, with the rights of the app's role and no more."""
    assert stack.is_ready()
    assert sql(stack, "select name from entities where slug = 'kept'") == [("Kept",)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sql(stack, "delete from ledger_entries", role="app")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sql(stack, "create table mine (n int)", role="app")
    assert sql(stack, "select count(*) from pg_inherits where inhparent = 'outbox'::regclass") != [(0,)]


def test_a_backup_taken_while_it_runs_is_put_back_here_and_on_a_new_machine(tmp_path: Path) -> None:
    data, books = tmp_path / "data", tmp_path / "backups"
    with running_stack(data, AMICALE_DEMO_DATA="0") as stack:
        sql(stack, KEPT)
        backup = taken(data, books)
        key = stack.secret("link_key")
        sql(stack, "update entities set name = 'Lost'")

        refused = command(data, "restore", str(backup))
        assert refused.returncode == 1 and "stop it" in refused.stdout and stack.is_ready()
    assert {each.name for each in backup.iterdir()} == OURS
    assert not [p for p in (backup, *backup.rglob("*")) if stat.S_IMODE(p.stat().st_mode) & 0o077]

    (data / "secrets" / "link_key").write_text("another key that was not the one of the backup")
    done = command(data, "restore", str(backup))
    assert done.returncode == 0, done.stdout
    assert "giving: its totals agree with the books" in done.stdout and "After a restore" in done.stdout
    with running_stack(data, port=stack.port, AMICALE_DEMO_DATA="0") as again:
        as_it_was(again)
        assert again.secret("link_key") == key
        assert again.layout.environment("notify")["EMAILS_NOT_BEFORE"] == Folder(data).restored_at() > "2"

    done = command(tmp_path / "new", "restore", str(backup), PORT=str(stack.port))
    assert done.returncode == 0, done.stdout
    with running_stack(tmp_path / "new", port=stack.port, AMICALE_DEMO_DATA="0") as elsewhere:
        as_it_was(elsewhere)

    broken = backup / "giving.dump"
    broken.write_bytes(broken.read_bytes()[:-2000])
    done = command(data, "restore", str(backup), "giving", "notify")
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    with running_stack(data, port=stack.port, AMICALE_DEMO_DATA="0") as still:
        as_it_was(still)


def test_what_is_no_whole_backup_is_one_sentence(tmp_path: Path) -> None:
    done = command(tmp_path / "data", "restore", str(tmp_path))

    assert done.returncode == 1 and "is no whole backup" in done.stdout and "Traceback" not in done.stderr


def test_a_backup_of_what_does_not_run_is_one_sentence(tmp_path: Path) -> None:
    done = command(tmp_path / "data", "backup", str(tmp_path))

    assert done.returncode == 1 and "There is no stack" in done.stdout and "Traceback" not in done.stderr
