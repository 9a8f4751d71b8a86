"""Secrets of a container installation, one file each, made once.

    python3 -m deploy.docker.secrets make secrets                  everything that can be made by chance
    python3 -m deploy.docker.secrets put secrets smtp_url          one that was given, from standard input
    python3 -m deploy.docker.secrets renew secrets link_key        one of those made by chance, anew

Files are 0600 and belong to the user that the containers run as: 10001 when root runs this, else whoever runs
it, who then tells compose so (AMICALE_USER). Nothing is imported but Python's own library.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path

from deploy.local.keys import Keys

SERVICES = ("directory", "events", "giving", "notify")
USER = 10001
GIVEN = ("smtp_url", "provider_accounts.json")
KEYS = ("link_key", "message_key", "email_key", "token_private_key", "database_superuser")
DOORS = {
    f"database_{kind}_{service}": role
    for service in SERVICES
    for kind, role in (("url", "app"), ("owner_url", "owner"))
}
SERVER = "postgres:5432"


class Refused(SystemExit):
    """It was not done; the sentence says why, and nothing was changed."""


def make(folder: Path) -> None:
    """Make the folder with everything that chance can give; Refused when something is there."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise Refused(
            f"{folder} is there already: what it holds opens what is stored. Nothing was changed."
        ) from None
    for name in (*KEYS, *DOORS):
        _generate(folder, name)
    _own(folder)


def put(folder: Path, name: str, text: str) -> None:
    """Keep what somebody else gave, in place of what was there."""
    if name not in GIVEN:
        raise Refused(f"{name} is none of {', '.join(GIVEN)}; `renew` makes the others anew.")
    if not text.strip():
        raise Refused(f"{name}: nothing came on standard input.")
    _own(Keys(folder).keep(name, text.strip()))


def renew(folder: Path, name: str) -> None:
    """Make one anew; what was made with the one before is lost (deploy/RUNBOOK.md says what that is)."""
    if name not in (*KEYS, *DOORS):
        raise Refused(f"{name} is none of {', '.join((*KEYS, *DOORS))}.")
    (folder / name).unlink(missing_ok=True)
    _generate(folder, name)


def missing(folder: Path) -> list[str]:
    """The names of what has still to be put there."""
    return [name for name in GIVEN if not (folder / name).exists()]


def _generate(folder: Path, name: str) -> None:
    keys = Keys(folder)
    if role := DOORS.get(name):
        service = name.rpartition("_")[2]
        address = f"postgresql://{service}_{role}:{secrets.token_urlsafe(32)}@{SERVER}/{service}"
        _own(keys.keep(name, address))
    else:
        _own(keys.path(name))


def _own(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, USER, USER)


def main(words: list[str]) -> int:
    """Do what the first word says."""
    parser = argparse.ArgumentParser(
        prog="python3 -m deploy.docker.secrets", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("word", choices=("make", "put", "renew"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="?", default="")
    told = parser.parse_args(words)
    match told.word:
        case "make":
            make(told.folder)
        case "put":
            put(told.folder, told.name, sys.stdin.read())
        case "renew":
            renew(told.folder, told.name)
    for name in missing(told.folder):
        print(f"still to be put there: {name}")
    if os.geteuid():
        print(f"Tell compose whose files these are: AMICALE_USER={os.getuid()}:{os.getgid()} (in .env)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
