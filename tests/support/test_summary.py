"""The last line of `make test` says what happened, and "passed" only when everything did."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FEW = """
import os, time, pytest
def test_first(): pass
def test_second(): assert "BREAK" not in os.environ
def test_third():
    if place := os.environ.get("WAIT_AT"):
        open(place, "w").close()
        time.sleep(60)
@pytest.mark.skip(reason="no such thing here")
def test_fourth(): pass
"""

either_way = pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["in turn", "in two processes"])


@pytest.fixture
def begun(tmp_path):
    """Begins a run of a few tests, as `make test` does."""
    (tmp_path / "test_few.py").write_text(FEW)

    def begin(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        words = ["-p", "tests.support.summary", "-c", os.devnull, "--rootdir", str(tmp_path)]
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *words, *(arguments or (str(tmp_path),))],
            cwd=ROOT,
            env={**os.environ, "PYTEST_ADDOPTS": "-p no:cacheprovider", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begin


def told(run: subprocess.Popen[str]) -> str:
    return run.communicate(timeout=120)[0]


@either_way
def test_all_that_passed_is_said_with_what_was_skipped_and_why(begun, tmp_path, processes):
    last = told(begun(str(tmp_path), *processes)).splitlines()[-2:]

    assert last[0] == "Skipped 1 test: no such thing here"
    assert last[1].startswith("All that can run here passed: 3 tests in ")


@either_way
def test_a_run_that_was_interrupted_neither_passed_nor_failed(begun, tmp_path, processes):
    run = begun(str(tmp_path), *processes, WAIT_AT=str(tmp_path / "waiting"))
    while not (tmp_path / "waiting").exists() and run.poll() is None:
        time.sleep(0.05)
    time.sleep(1)
    run.send_signal(signal.SIGINT)

    last = told(run).splitlines()[-1]

    assert last.startswith("Stopped before the end: ")
    assert last.endswith(" passed so far; run the same command again.")


def test_a_failure_is_said_even_when_the_run_stopped_at_it(begun, tmp_path):
    assert "FAILED: 1 test of 3 failed in " in told(begun(str(tmp_path), BREAK="1"))
    assert "FAILED: 1 test of 2 failed in " in told(begun(str(tmp_path), "-x", BREAK="1"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("-k", "nothing_like_it"), "Nothing was run: no test matches what was asked."),
        (("-k", "fourth"), "Nothing was run: every test was skipped in "),
        (("nowhere.py",), "Nothing was run: pytest does not understand what was asked."),
    ],
)
def test_a_run_of_nothing_does_not_pass(begun, tmp_path, asked, said):
    output = told(begun(str(tmp_path), *asked))

    assert said in output
    assert "passed" not in output.splitlines()[-1]
