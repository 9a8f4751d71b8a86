"""`make lint` notices what it promises to: a violation of each contract is planted in a copy of the tree."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deploy.local.layout import ROOT

TREES = ("shared", "services", "web", "sandbox")
PLANTED = {
    "kit": ("shared/planted_kit.py", "import services.giving.models"),
    "services": ("services/giving/planted_other.py", "import services.notify.models"),
    "web": ("web/planted_web.py", "import sqlalchemy"),
    "sandbox": ("sandbox/planted_sandbox.py", "import services.giving.models"),
    "kafka": ("services/giving/planted_kafka.py", "import kafka"),
    "stripe": ("services/giving/planted_stripe.py", "import stripe"),
    "pictures": ("services/giving/planted_pictures.py", "import PIL"),
    "smtp": ("services/giving/planted_mail.py", "import smtplib"),
    "webhooks": ("services/giving/planted_webhooks.py", "import services.giving.webhooks"),
    "doors": ("services/notify/planted_doors.py", "import services.notify.consumers"),
    "models": (
        "services/giving/models/planted_models.py",
        "import flask, shared.outbound, shared.payments.gateway, shared.kafka",
    ),
    "pages": ("web/planted_pages.py", "import shared.once, shared.payments.gateway, shared.money"),
    "layers": ("services/giving/models/planted_layers.py", "import services.giving.app"),
    "acyclic": ("services/giving/models/planted_noun.py", "import services.giving.donations"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy with every violation planted."""
    copy = tmp_path_factory.mktemp("planted")
    for tree in TREES:
        shutil.copytree(
            ROOT / tree, copy / tree, ignore=shutil.ignore_patterns("__pycache__", "static", "*.po")
        )
    shutil.copy(ROOT / "pyproject.toml", copy)
    for path, line in PLANTED.values():
        (copy / path).write_text(line + "\n")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1, done.stdout
    return done.stdout


def contracts() -> dict[str, str]:
    """Name by id, as pyproject.toml has them."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {each["id"]: each["name"] for each in told["contracts"]}


def test_every_contract_has_a_planted_violation() -> None:
    assert set(contracts()) == set(PLANTED)


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_is_reported(said: str, contract: str) -> None:
    assert f"{contracts()[contract]} BROKEN" in said


@pytest.mark.parametrize(
    ("who", "whom"),
    [
        ("services.giving.models", "shared.outbound"),
        ("services.giving.models", "shared.payments"),
        ("services.giving.models", "shared.kafka"),
        ("web", "shared.once"),
        ("web", "shared.payments"),
    ],
)
def test_what_may_not_be_asked_for_is_named(said: str, who: str, whom: str) -> None:
    assert f"{who} is not allowed to import {whom}" in said


def test_what_pages_may_ask_of_the_kit_is_not_reported(said: str) -> None:
    assert "web is not allowed to import shared.money" not in said


@pytest.mark.parametrize(
    "line",
    [
        "from sqlalchemy import create_engine",
        "import os\n\nKEY = os.environ['KEY']",
        "import os\n\nKEY = os.getenv('KEY')",
    ],
)
def test_names_that_are_banned_are_reported(tmp_path: Path, line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "services/giving/planted.py", "-"],
        input=line + "\n", cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip

    assert "TID251" in done.stdout
