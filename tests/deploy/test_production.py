"""The processes as production starts them, without AMICALE_DEMO: no door of the demo is there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.layout import ROOT
from tests.support.postgres import Server, service_database

SERVICES = ("directory", "events", "giving", "notify")
SHOW_ROUTES = (
    "import {0}; print(*sorted(rule.rule for rule in {0}.create_app().url_map.iter_rules()), sep='\\n')"
)


@pytest.fixture(scope="module")
def told(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a production installation tells its processes; each service's database is added."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    folder = tmp_path_factory.mktemp("production")
    live = {
        "account": "foundation",
        "entity": "fondation",
        "api_key": "sk_live_x",
        "webhook_secrets": ["whsec_x"],
    }
    (folder / "accounts.json").write_text(json.dumps([live]))
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    yield {
        "PATH": os.environ["PATH"],
        "PUBLIC_URL": "https://alumni.example.edu",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TOKEN_PRIVATE_KEY_FILE": str(folder / "key.pem"),
        "PROVIDER_ACCOUNTS_FILE": str(folder / "accounts.json"),
        "SMTP_URL": "smtp://127.0.0.1:1",
        "CONTACT_EMAIL": "office@alumni.example.edu",
        "EMAIL_FROM": "Alumni <alumni@example.edu>",
        **{f"{name.upper()}_URL": f"http://{name}:8000" for name in SERVICES},
        **{f"{name}_KEY": name.lower() * 8 for name in ("LINK", "MESSAGE", "EMAIL")},
    }


def run(*command: str, told: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=told,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_and_has_no_door_of_the_demo(
    postgres: Server, told: dict[str, str], service: str
) -> None:
    database = service_database(postgres, f"services.{service}", suffix="_production")

    shown = run(
        "-c", SHOW_ROUTES.format(f"services.{service}.app"), told=told | {"DATABASE_URL": database.app_url}
    )

    assert shown.returncode == 0, shown.stderr
    routes = shown.stdout.split()
    assert f"/api/v1/{service}/openapi.json" in routes
    assert [route for route in routes if "sandbox" in route or "demo" in route] == []


@pytest.mark.parametrize("app", ["web.app", "web.live"])
def test_pages_start_and_have_no_door_of_the_demo(told: dict[str, str], app: str) -> None:
    shown = run("-c", SHOW_ROUTES.format(app), told=told)

    assert shown.returncode == 0, shown.stderr
    assert [route for route in shown.stdout.split() if "sandbox" in route or "demo" in route] == []


@pytest.mark.parametrize("module", ["sandbox", *(f"services.{service}.demo" for service in SERVICES)])
def test_what_belongs_to_the_demo_refuses_to_run(
    postgres: Server, told: dict[str, str], tmp_path: Path, module: str
) -> None:
    more = {"SANDBOX_PORT": "0", "SANDBOX_SMTP_PORT": "0", "SANDBOX_DATA": str(tmp_path)}
    more |= {
        f"DEMO_{who}_{what}": "x" for who in ("STAFF", "ALUMNI") for what in ("EMAIL", "PASSWORD", "TOTP")
    }
    more |= {"DATABASE_URL": postgres.url, "DEMO_RECEIVER_URL": "http://127.0.0.1:1/"}

    refused = run("-m", module, told=told | more)

    assert refused.returncode != 0
    assert "demo" in refused.stderr.lower() and "Traceback" not in refused.stderr


@pytest.mark.parametrize("name", ["LINK_KEY", "DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "PUBLIC_URL"])
def test_a_process_that_is_not_told_everything_names_what_is_missing(told: dict[str, str], name: str) -> None:
    less = {k: v for k, v in (told | {"DATABASE_URL": "postgresql://x/y"}).items() if k != name}

    refused = run("-c", SHOW_ROUTES.format("services.giving.app"), told=less)

    assert refused.returncode != 0 and f"{name} is missing" in refused.stderr


def test_a_demo_refuses_live_keys(told: dict[str, str]) -> None:
    demo = told | {
        "AMICALE_DEMO": "1",
        "DATABASE_URL": "postgresql://x/y",
        "PUBLIC_URL": "http://127.0.0.1:8080",
    }

    refused = run("-c", SHOW_ROUTES.format("services.giving.app"), told=demo)

    assert refused.returncode != 0 and "a demo refuses a live key" in refused.stderr


@pytest.mark.parametrize(
    "app", ["services.giving.app", "services.directory.app", "services.notify.app", "web.app"]
)
def test_a_demo_refuses_to_be_public(told: dict[str, str], tmp_path: Path, app: str) -> None:
    demo = told | {"AMICALE_DEMO": "1", "DATABASE_URL": "postgresql://x/y"}
    accounts = Path(told["PROVIDER_ACCOUNTS_FILE"]).read_text().replace("sk_live", "sk_test")
    (tmp_path / "accounts.json").write_text(accounts)
    demo["PROVIDER_ACCOUNTS_FILE"] = str(tmp_path / "accounts.json")

    refused = run("-c", SHOW_ROUTES.format(app), told=demo)

    assert refused.returncode != 0 and "PUBLIC_URL" in refused.stderr
