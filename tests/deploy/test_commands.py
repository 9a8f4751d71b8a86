"""The words of `python -m deploy.local`, where there is no stack for them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.folder import Folder
from deploy.local.layout import ROOT


def said(data: Path, *words: str) -> str:
    """What a command that cannot be done says."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local", *words],
        cwd=ROOT,
        env={**os.environ, "DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and not done.stderr
    return done.stdout


@pytest.mark.parametrize("words", ["status", "env giving", "exec giving -- true", "backup books"])
def test_without_a_stack_the_folder_that_was_looked_at_is_named(tmp_path: Path, words: str) -> None:
    sentence = said(tmp_path / "data", *words.split())

    assert f"{tmp_path}/data" in sentence and "with the same DATA=… before the command" in sentence


def test_a_backup_of_a_stopped_stack_names_its_folder(tmp_path: Path) -> None:
    Folder(tmp_path / "data").open()

    sentence = said(tmp_path / "data", "backup", str(tmp_path / "books"))

    assert f"The PostgreSQL of {tmp_path}/data does not answer" in sentence
    assert "with the same DATA=… before the command" in sentence
