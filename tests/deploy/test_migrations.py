"""No migration locks a table that is in use, or takes away what the code before it still reads.

What each migration really says to PostgreSQL is heard while an empty database is migrated, and judged by the
rules of squawk. CONTRIBUTING says how to do it instead.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.support.postgres import Server, service_database

ROOT = Path(__file__).parent.parent.parent
SQUAWK = Path(sys.executable).parent / "squawk"
TASTE = "prefer-bigint-over-int,prefer-bigint-over-smallint,prefer-identity,prefer-text-field"
GIVEN = "require-lock-timeout,require-statement-timeout"
"""shared.migrate sets the first for all; with it, a statement that has its locks may take its time."""
BEFORE_THE_FIRST_RELEASE = {"directory": "0007", "giving": "0003", "notify": "0009"}
"""These met no data of anybody: what they drop or lock was never in use."""
HARMLESS = {("giving", "0007"): ["ban-drop-not-null"]}
"""Ledger transactions of no donation: the code before reads them by their donation only."""

Heard = dict[str, list[str]]


def services() -> list[str]:
    return sorted(each.parent.name for each in (ROOT / "services").glob("*/migrations") if each.is_dir())


@contextmanager
def hearing() -> Iterator[list[str]]:
    """Every statement that is sent meanwhile."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def by_migration(said: list[str], numbers: list[str]) -> Heard:
    """The statements of each migration: alembic writes down the number after its last one."""
    heard: Heard = {}
    since: list[str] = []
    for statement in said:
        first = statement.split(None, 1)[0].lower()
        if "alembic_version" in statement:
            if first in ("insert", "update"):
                heard[numbers[len(heard)]], since = since, []
        elif first not in ("select", "show", "set"):
            since.append(statement.strip().rstrip(";"))
    assert list(heard) == numbers
    return heard


def judged(statements: list[str], *, in_transaction: bool = True) -> list[str]:
    """What squawk holds against them: the rule and the line."""
    sql = "".join(f"{each};\n" for each in statements)
    asked = [str(SQUAWK), "--reporter", "json", "--pg-version", "18.0", "--exclude", f"{TASTE},{GIVEN}"]
    asked += ["--assume-in-transaction"] if in_transaction else []
    answer = subprocess.run(
        [*asked, "--stdin-filepath", "migration.sql"], input=sql, capture_output=True, text=True, check=False
    )
    assert answer.returncode in (0, 1), answer.stderr
    lines = sql.splitlines()
    return [f"{each['rule_name']}: {lines[each['line']].strip()}" for each in json.loads(answer.stdout)]


def wrong_with(statements: list[str]) -> list[str]:
    """Those that cannot be in a transaction are judged as what stands outside of one."""
    outside = [each for each in statements if "concurrently" in each.lower()]
    inside = [each for each in statements if each not in outside]
    found = judged(inside) + judged(outside, in_transaction=False)
    return [each for each in found if not replaced(each, statements)]


def replaced(found: str, statements: list[str]) -> bool:
    """Whether a rule that is taken away is made anew, and so changed, by the same migration."""
    rule, _, line = found.partition(": ")
    name = line.rstrip(";").split()[-1]
    return rule == "ban-drop-constraint" and any(f"add constraint {name} " in each for each in statements)


@pytest.mark.parametrize("service", services())
def test_a_migration_neither_locks_what_is_in_use_nor_takes_it_away(postgres: Server, service: str) -> None:
    files = Path(import_module(f"services.{service}").__file__ or "").parent / "migrations"
    numbers = sorted(each.stem[:4] for each in files.glob("[0-9]*.py"))
    with hearing() as said:
        service_database(postgres, f"services.{service}", suffix="_rules")

    heard = by_migration(said, numbers)
    exempt = BEFORE_THE_FIRST_RELEASE.get(service, numbers[0])
    found = {number: wrong_with(each) for number, each in heard.items() if number > exempt}
    wrong = {
        number: [each for each in rules if each.split(":")[0] not in HARMLESS.get((service, number), ())]
        for number, rules in found.items()
    }
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("alter table people drop column city", "ban-drop-column"),
        ("alter table people rename column city to town", "renaming-column"),
        ("alter table people alter column city type varchar(10)", "changing-column-type"),
        ("alter table people add constraint young check (age < 120)", "constraint-missing-not-valid"),
        ("alter table people alter column city set not null", "adding-not-nullable-field"),
        ("create index ix_people_city on people (city)", "require-concurrent-index-creation"),
        ("drop table people", "ban-drop-table"),
        ("alter table people drop constraint ck_people_young", "ban-drop-constraint"),
    ],
)
def test_control_what_locks_or_takes_away_is_reported(statement: str, rule: str) -> None:
    assert any(each.startswith(f"{rule}:") for each in wrong_with([statement])), wrong_with([statement])


def test_the_ways_that_contributing_shows_are_clean() -> None:
    """Each is a migration of its own."""
    ways = ways_shown()

    assert len(ways) >= 4 and [wrong_with([each]) for each in ways] == [[]] * len(ways)


def ways_shown() -> list[str]:
    """The statements of CONTRIBUTING's chapter on migrations."""
    _, _, chapter = (ROOT / "CONTRIBUTING.md").read_text().partition("## A migration")
    _, _, shown = chapter.partition("```sql\n")
    block, _, _ = shown.partition("```")
    statements = "\n".join(line for line in block.splitlines() if not line.startswith("--")).split(";")
    return [each.strip() for each in statements if each.strip()]
