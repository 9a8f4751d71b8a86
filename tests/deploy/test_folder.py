"""The folder DATA and the secrets in it."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from deploy.local import folder as folder_module
from deploy.local.__main__ import prepare
from deploy.local.folder import Folder
from deploy.local.keys import Keys
from deploy.local.layout import OFFSETS, Layout
from deploy.local.problem import CannotGoOn
from deploy.local.settings import load
from deploy.local.stack import Stack
from deploy.local.terminal import Terminal


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "my data")
    made.open()
    return made


def test_a_second_copy_on_the_same_folder_is_told_where_the_first_one_is(folder: Folder) -> None:
    held = folder.claim(8123)

    with pytest.raises(CannotGoOn, match=r"already runs on .* on http://127\.0\.0\.1:8123.*PORT=9080"):
        Folder(folder.path).claim(9000)
    os.close(held)


def test_the_folder_is_free_again_when_its_holder_was_killed(folder: Folder) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path; from deploy.local.folder import Folder;"
        "Folder(Path(sys.argv[1])).claim(8000); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder.path)], check=False)

    os.close(folder.claim(8001))
    assert folder.claimed_port() == 8001


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(CannotGoOn, match=r"cannot be written \(.*make run DATA="):
        Folder(tmp_path / "file" / "data").open()


def test_a_file_is_not_a_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(CannotGoOn, match="which is a file: name a folder"):
        Folder(tmp_path / "file").open()


@pytest.mark.parametrize("reason", ["a port in use", "a disk too small"])
@pytest.mark.parametrize("empty", [False, True])
def test_a_start_that_cannot_be_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, empty: bool
) -> None:
    data = tmp_path / "new/data"
    if empty:
        data.mkdir(parents=True)

    async def start() -> None:
        prepare(Stack(Layout(load({"DATA": str(data), "PORT": str(taken)})), Terminal(StringIO())))

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1] - OFFSETS["postgres"]
        if reason == "a disk too small":
            monkeypatch.setattr(folder_module, "NEEDED_MIB", 10**12)
        why = "MiB are free" if "disk" in reason else "is in use.*a stack takes eleven in a row"
        with pytest.raises(CannotGoOn, match=why):
            asyncio.run(start())

    assert list(data.iterdir()) == [] if empty else not data.parent.exists()


def test_a_full_disk_is_one_sentence(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "NEEDED_MIB", 10**12)

    with pytest.raises(CannotGoOn, match=r"MiB are free .*make run DATA="):
        folder.has_room()


def test_a_folder_with_its_files_starts_on_a_nearly_full_disk_with_a_warning(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.postgres.mkdir()
    (folder.postgres / "PG_VERSION").write_text("18")
    assert folder.has_room() is None

    monkeypatch.setattr(folder_module, "NEEDED_MIB", 10**12)
    warning = folder.has_room()
    assert warning is not None and "make room soon" in warning

    monkeypatch.setattr(folder_module, "NEEDED_AGAIN_MIB", 10**12)
    with pytest.raises(CannotGoOn, match="MiB are free"):
        folder.has_room()


def test_secrets_are_made_once_and_are_their_owners_alone(folder: Folder) -> None:
    keys = Keys(folder.secrets)
    first = keys.value("link_key")

    assert Keys(folder.secrets).value("link_key") == first and len(first) >= 32
    assert stat.S_IMODE(keys.path("link_key").stat().st_mode) == 0o600
    assert {stat.S_IMODE(place.stat().st_mode) for place in (folder.path, folder.secrets)} == {0o700}


def test_two_secrets_are_never_the_same(folder: Folder) -> None:
    keys = Keys(folder.secrets)

    assert len({keys.value(name) for name in ("link_key", "email_key", "message_key")}) == 3


def test_the_signing_key_is_an_ed25519_key(folder: Folder) -> None:
    from joserfc.jwk import OKPKey

    key = OKPKey.import_key(Keys(folder.secrets).value("token_private_key"))

    assert key.curve_name == "Ed25519" and key.is_private


def test_what_contains_secrets_is_kept_closed_when_written_anew(folder: Folder) -> None:
    keys = Keys(folder.secrets)
    keys.keep("address", "one")

    assert keys.keep("address", "two").read_text() == "two\n"
    assert stat.S_IMODE((folder.secrets / "address").stat().st_mode) == 0o600


def test_what_is_kept_already_is_not_written_again(folder: Folder) -> None:
    keys = Keys(folder.secrets)
    first = keys.keep("address", "one").stat().st_ino

    assert keys.keep("address", "one").stat().st_ino == first


def test_what_is_counted_stands_in_memory_and_is_gone_after_the_stop(folder: Folder) -> None:
    folder.open_counters()
    place = folder.counters.resolve()
    (folder.counters / "giving").mkdir()

    folder.close_counters()

    assert place.parent == folder_module.MEMORY
    assert not place.exists() and not folder.counters.exists()


def test_what_a_killed_stack_counted_is_removed_by_the_next(folder: Folder) -> None:
    folder.open_counters()
    left = folder.counters.resolve()

    folder.open_counters()

    assert not left.exists() and folder.counters.is_dir()
    folder.close_counters()


def test_without_room_in_memory_it_is_counted_in_the_data_folder(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "MEMORY", tmp_path / "none")

    folder.open_counters()

    assert folder.counters.is_dir() and not folder.counters.is_symlink()
    folder.close_counters()
    assert not folder.counters.exists()


COUNT = "import prometheus_client as p; [p.Counter(f'a{n}', 'A').inc() for n in range(99)]"


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Folder]:
    """A data folder on a disk of its own without a free byte."""
    (disk := tmp_path / "disk").mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True
    ).returncode:
        pytest.skip("a full disk needs the right to mount one")
    folder = Folder(disk)
    try:
        folder.open()
        folder.open_counters()
        (folder.run / "on-disk").mkdir()
        with contextlib.suppress(OSError), (disk / "filling").open("wb", buffering=0) as filling:
            while filling.write(b"x" * 4096):
                pass
        yield folder
    finally:
        folder.close_counters()
        subprocess.run(["umount", disk], check=True)


def test_a_secret_that_a_full_disk_does_not_take_is_one_sentence(full: Folder) -> None:
    keys = Keys(full.secrets)

    for write in (lambda: keys.path("link_key"), lambda: keys.keep("address", "one")):
        with pytest.raises(CannotGoOn, match=r"cannot be written \(No space left on device\)"):
            write()
    assert not (full.secrets / "link_key").exists()


def count_in(place: Path) -> int:
    told = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(place)}
    return subprocess.run([sys.executable, "-c", COUNT], env=told).returncode


def test_a_full_disk_ends_nobody_who_counts(full: Folder) -> None:
    assert count_in(full.counters) == 0


def test_control_on_the_full_disk_itself_who_counts_is_ended(full: Folder) -> None:
    assert count_in(full.run / "on-disk") == -signal.SIGBUS
