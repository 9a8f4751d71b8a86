"""What `make` does before anything else: find a Python, make .venv, and be interrupted without harm."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "deploy/environment.sh"
# A Python that is new enough, and takes its time to make a virtual environment.
SLOW = """#!/bin/sh
[ "$1" = -c ] && exit 0
[ "$2" = venv ] && touch begun && sleep 60 && touch ended
exit 1
"""
OLD = """#!/bin/sh
case "$2" in *exit*) exit 1 ;; *) echo 3.9.2 ;; esac
"""


@pytest.fixture
def started(tmp_path):
    """Starts the script in an empty copy; `text` is the Python it is told of, in a folder with a space."""

    def start(text: str) -> subprocess.Popen[str]:
        shutil.copy(SCRIPT, tmp_path)
        (tmp_path / "requirements.lock").write_text("nothing==1.0\n")
        python = tmp_path / "my folder/python"
        python.parent.mkdir()
        python.write_text(text)
        python.chmod(0o755)
        return subprocess.Popen(
            ["sh", "environment.sh", "run"],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_a_python_that_is_too_old_is_named(started):
    run = started(OLD)

    assert "my folder/python is 3.9.2; Amicale needs Python 3.11 or newer." in run.communicate(timeout=20)[1]
    assert run.returncode == 1


def test_an_interrupt_ends_all_of_it_with_one_sentence(started, tmp_path):
    run = started(SLOW)
    until = time.monotonic() + 20
    while not (tmp_path / "begun").exists() and time.monotonic() < until:
        time.sleep(0.05)

    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=20)[1]

    assert run.returncode == 130
    assert said.splitlines()[1:] == ["", "Stopped. Run the same command again to go on."]
    assert not (tmp_path / "ended").exists()


def test_another_python_than_the_one_in_place_is_said_not_ignored(started, tmp_path):
    told = '#!/bin/sh\ncase "$2" in *exit*) exit 0 ;; *) echo %s ;; esac\n'
    placed = tmp_path / ".venv/bin/python"
    placed.parent.mkdir(parents=True)
    placed.write_text(told % "3.11.7")
    placed.chmod(0o755)

    run = started(told % "3.13.1")

    assert ".venv holds Python 3.11.7, and PYTHON=" in run.communicate(timeout=20)[1]
    assert run.returncode == 1
    assert placed.exists()
