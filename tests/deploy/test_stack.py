"""The real stack: it starts, mends itself, refuses a second copy, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.local.layout import OFFSETS, ROOT
from tests.support.stack import RunningStack, begin, running_stack, wait_for_line

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack without demo data, in a folder with a space and an accent in its name."""
    data = tmp_path_factory.mktemp("stack") / "mes données"
    with running_stack(data, AMICALE_DEMO_DATA="0") as running:
        yield running


def start(stack: RunningStack, **environment: str) -> subprocess.CompletedProcess[str]:
    """Try to start another copy; what it said."""
    told = {**os.environ, "DATA": str(stack.data), "PORT": str(stack.port), **environment}
    return subprocess.run(
        [sys.executable, "-m", "deploy.local"],
        cwd=ROOT, env=told, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def processes_of(data: Path) -> dict[int, str]:
    """Every process on this machine that was told about this folder, or works in it."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if entry.name.isdigit() and str(data).encode() in told and int(entry.name) != os.getpid():
            found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:100]
    return found


def nothing_left(stack: RunningStack, *, within_s: float = 25) -> None:
    until = time.monotonic() + within_s
    while left := processes_of(stack.data):
        assert time.monotonic() < until, left
        time.sleep(0.05)
    for offset in range(len(OFFSETS)):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", stack.port + offset)) != 0


def test_it_is_ready_when_it_says_so(bare: RunningStack) -> None:
    assert bare.is_ready()
    assert {"postgres", "broker", "gateway", "web", "giving-api", "giving-worker"} <= set(bare.pids)


def test_a_second_copy_on_the_same_data_is_one_sentence(bare: RunningStack) -> None:
    second = start(bare)

    assert second.returncode == 1 and "already runs on" in second.stdout and "Traceback" not in second.stdout
    assert bare.is_ready()


def test_a_port_in_use_is_one_sentence(bare: RunningStack, tmp_path: Path) -> None:
    other = start(bare, DATA=str(tmp_path / "other"))

    (sentence,) = [line for line in other.stdout.splitlines() if "in use" in line]
    assert (
        other.returncode == 1
        and f"Port {bare.port} (for gateway)" in sentence
        and "make run PORT=" in sentence
    )


def test_nothing_listens_beyond_this_machine(bare: RunningStack) -> None:
    ports = {bare.port + offset for offset in range(len(OFFSETS))}
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    open_to_all = [row[1] for row in listening if row[3] == "0A" and int(row[1].split(":")[1], 16) in ports]

    assert open_to_all and all(address.startswith("0100007F") for address in open_to_all)


def test_the_app_role_owns_nothing(bare: RunningStack) -> None:
    import psycopg

    connection = psycopg.connect(bare.database_url("giving"))
    with connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("create table mine (n int)")


def test_a_command_runs_in_a_services_environment(bare: RunningStack) -> None:
    said = bare.run("giving", sys.executable, "-c", "import os; print(os.environ['PROVIDER_ACCOUNTS_FILE'])")

    assert said.stdout.strip() == str(bare.data / "secrets/provider_accounts.json")


def test_status_lists_every_part_with_its_memory(bare: RunningStack) -> None:
    told = {**os.environ, "DATA": str(bare.data)}
    said = subprocess.run(
        [sys.executable, "-m", "deploy.local", "status"], cwd=ROOT, env=told, capture_output=True, text=True
    ).stdout

    rows = {line.split()[-1]: line.split() for line in said.splitlines() if "in all" not in line}
    assert {name: int(row[0]) for name, row in rows.items()} == bare.pids
    assert all(int(row[1]) > 0 for row in rows.values())


@pytest.mark.parametrize("name", ["giving-worker", "giving-api", "web", "gateway", "postgres", "sandbox"])
def test_a_killed_part_comes_back_and_the_whole_is_ready_again(bare: RunningStack, name: str) -> None:
    before = bare.kill(name)

    bare.wait_for_another(name, before)
    bare.wait_until_ready()


def test_a_killed_broker_comes_back_as_another_cluster_with_its_topics(bare: RunningStack) -> None:
    workers = bare.pids["giving-worker"]
    first = _cluster(bare)

    bare.wait_for_another("broker", bare.kill("broker"))
    bare.wait_for_another("giving-worker", workers)
    bare.wait_until_ready()

    assert _cluster(bare) != first
    assert "amicale.giving" in _topics(bare)


def test_the_log_of_postgresql_holds_no_values(bare: RunningStack) -> None:
    import psycopg

    with psycopg.connect(bare.database_url("giving"), autocommit=True) as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("select 'marie@canary.example'::int")
        with pytest.raises(psycopg.Error):
            connection.execute("select %s::uuid", ["canary-parameter"])

    assert "canary" not in bare.log("postgres")


def test_secrets_are_closed_and_no_secret_is_in_an_environment_or_a_log(bare: RunningStack) -> None:
    secrets = list((bare.data / "secrets").iterdir())
    assert secrets and all(p.stat().st_mode & 0o077 == 0 for p in secrets)

    values = [
        bare.secret(name) for name in ("link_key", "message_key", "database_giving_app", "database_superuser")
    ]
    seen = b"".join((Path("/proc") / str(pid) / "environ").read_bytes() for pid in bare.pids.values())
    seen += b"".join(path.read_bytes() for path in (bare.data / "logs").iterdir())
    assert [value for value in values if value.encode() in seen] == []


def test_it_stops_in_under_five_seconds_and_finds_its_data_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_stack(data, AMICALE_DEMO_DATA="0") as first:
        kept = first.secret("link_key")
        _run_sql(first, "create table kept (n int); insert into kept values (7)")
        began = time.monotonic()
        assert first.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 10
        nothing_left(first)

    with running_stack(data, AMICALE_DEMO_DATA="0") as second:
        assert second.secret("link_key") == kept
        assert _run_sql(second, "select n from kept") == [(7,)]


def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_start_works(tmp_path: Path) -> None:
    stack = begin(tmp_path / "data", AMICALE_DEMO_DATA="0")
    wait_for_line(stack, "Amicale is ready.")

    stack.process.kill()
    stack.process.wait()
    nothing_left(stack)

    with running_stack(stack.data, port=stack.port, AMICALE_DEMO_DATA="0") as again:
        assert again.is_ready()


@pytest.mark.parametrize("after_s", [pytest.param(0.3, marks=pytest.mark.full), 1.5])
def test_ctrl_c_in_the_middle_of_the_first_start_does_no_harm(tmp_path: Path, after_s: float) -> None:
    stack = begin(tmp_path / "data", AMICALE_DEMO_DATA="0")
    wait_for_line(stack, "Starting Amicale")
    time.sleep(after_s)

    assert stack.stop(signal.SIGINT) == 0
    nothing_left(stack)
    with running_stack(stack.data, AMICALE_DEMO_DATA="0") as again:
        assert again.is_ready()


def test_data_removed_while_it_runs_ends_in_one_sentence(tmp_path: Path) -> None:
    stack = begin(tmp_path / "data", AMICALE_DEMO_DATA="0")
    wait_for_line(stack, "Amicale is ready.")

    subprocess.run(["rm", "-rf", str(stack.data)], check=True)
    for pid, command in processes_of(stack.data).items():
        if "postgres -D" in command:  # unless it has missed its files already, and ended by itself
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    wait_for_line(stack, "was removed while Amicale ran", within_s=30)
    assert stack.process.wait(10) == 1
    nothing_left(stack)


def _run_sql(stack: RunningStack, statement: str) -> list[tuple[object, ...]]:
    import psycopg

    with psycopg.connect(stack.database_url("giving", "owner"), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _cluster(stack: RunningStack) -> str:
    return _admin(stack, "print(Admin.describe_cluster()['cluster_id'])")


def _topics(stack: RunningStack) -> str:
    return _admin(stack, "print(Admin.list_topics())")


def _admin(stack: RunningStack, code: str) -> str:
    servers = stack.broker
    prelude = f"from kafka import KafkaAdminClient; Admin = KafkaAdminClient(bootstrap_servers={servers!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", prelude + code], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip()


def test_a_killed_test_run_leaves_no_stack_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from tests.support.stack import begin, wait_for_line;"
        "stack = begin(Path(sys.argv[1]), AMICALE_DEMO_DATA='0');"
        "wait_for_line(stack, 'PostgreSQL 18 is ready');"
        "print(stack.port); sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(data)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )

    until = time.monotonic() + 15
    while left := processes_of(data):
        assert time.monotonic() < until, left
        time.sleep(0.05)
    assert run.stdout.strip().isdigit()
