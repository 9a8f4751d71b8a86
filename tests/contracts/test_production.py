"""Production's settings start, and nothing of the demo is there: no sandbox, no mailbox, no test money."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from stripe import WebhookSignature

from shared.service import DemoInPublic
from shared.settings import SettingsMissing
from tests.contracts.conftest import ROOT, SERVICES, application, environment, routes
from tests.support.postgres import ServiceDatabase
from web.settings import WebSettings

DEMO_WORDS = ("sandbox", "mailbox", "demo", "receiver", "/pay/")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_in_production_without_a_demo_door(
    service: str, applications: dict[str, Flask]
) -> None:
    app = applications[service]

    assert app.extensions["amicale"].settings.demo is False
    assert not app.debug and not app.testing
    found = [rule for _, rule, _ in routes(app) if any(word in rule for word in DEMO_WORDS)]
    assert not found


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_module_imports_the_sandbox(service: str) -> None:
    files = [*(ROOT / "services" / service).rglob("*.py"), *(ROOT / "shared").rglob("*.py")]

    assert not [
        path.name
        for path in files
        if "import sandbox" in path.read_text() or "from sandbox" in path.read_text()
    ]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "missing", ["DATABASE_URL", "LINK_KEY", "KAFKA_BOOTSTRAP_SERVERS", "DIRECTORY_URL", "PUBLIC_URL"]
)
def test_what_is_not_told_ends_the_start_by_name(service: str, missing: str, tmp_path: Path) -> None:
    told = environment("postgresql://x@127.0.0.1:1/x", tmp_path)
    del told[missing]

    with pytest.raises(SettingsMissing, match=missing):
        application(service, told)


def test_no_secret_has_a_default(tmp_path: Path) -> None:
    secret = {"DATABASE_URL", "LINK_KEY", "MESSAGE_KEY", "EMAIL_KEY", "TOKEN_PRIVATE_KEY"}
    told = environment("postgresql://x@127.0.0.1:1/x", tmp_path)

    with pytest.raises(SettingsMissing) as ended:
        application("directory", {name: value for name, value in told.items() if name not in secret})
    assert all(name in str(ended.value) for name in secret)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "public", ["https://alumni.example.org", "https://8.8.8.8", "http://[2606:4700::1111]:8080"]
)
def test_a_demo_refuses_a_public_address(
    service: str, public: str, databases: dict[str, ServiceDatabase], tmp_path: Path
) -> None:
    told = environment(databases[service].app_url, tmp_path, AMICALE_DEMO="1", PUBLIC_URL=public)
    _keys_of_a_test(tmp_path)

    with pytest.raises(DemoInPublic, match="AMICALE_DEMO"):
        application(service, told)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "private", ["http://127.0.0.1:8080", "http://localhost:8080", "http://192.168.1.20:8080"]
)
def test_a_demo_starts_at_a_private_address(
    service: str, private: str, databases: dict[str, ServiceDatabase], tmp_path: Path
) -> None:
    told = environment(databases[service].app_url, tmp_path, AMICALE_DEMO="1", PUBLIC_URL=private)
    _keys_of_a_test(tmp_path)

    assert application(service, told).extensions["amicale"].settings.demo


def test_a_demo_refuses_keys_that_move_money(databases: dict[str, ServiceDatabase], tmp_path: Path) -> None:
    told = environment(
        databases["giving"].app_url, tmp_path, AMICALE_DEMO="1", PUBLIC_URL="http://127.0.0.1:8080"
    )

    with pytest.raises(SystemExit, match="live key"):
        application("giving", told)


def _keys_of_a_test(folder: Path) -> None:
    path = folder / "accounts.json"
    path.write_text(path.read_text().replace("sk_live_", "sk_test_"))


def test_money_of_a_test_is_refused_in_production(
    databases: dict[str, ServiceDatabase], tmp_path: Path
) -> None:
    event: dict[str, Any] = {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": {"id": "cs_1", "object": "checkout.session"}},
    }
    body = json.dumps(event)
    now = int(time.time())
    signature = f"t={now},v1={WebhookSignature._compute_signature(f'{now}.{body}', 'whsec_0123456789')}"
    client = application("giving", environment(databases["giving"].app_url, tmp_path)).test_client()

    def post(text: str) -> int:
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return client.post("/webhooks/stripe/giving/fondation", data=text, headers=headers).status_code

    assert post(body) == 400
    assert post(body.replace("false", "true")) == 400, "and its signature covers the livemode"


def test_web_starts_in_production_without_a_demo_door() -> None:
    from web.app import create_app
    from web.live import create_app as create_live

    told = WebSettings.from_env("web", environment_of_web())
    for app in (create_app(told), create_live(told)):
        rules = [rule.rule for rule in app.url_map.iter_rules()]
        assert not [rule for rule in rules if any(word in rule for word in ("sandbox", "demo", "/pay/"))]
        assert not app.debug
    with pytest.raises(SettingsMissing, match="https"):
        replace(told, public_url="http://alumni.example.org")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [({}, "CONTACT_EMAIL is missing"), ({"CONTACT_EMAIL": ""}, "CONTACT_EMAIL"), ({"DPO_EMAIL": "x"}, "DPO")],
)
def test_web_does_not_start_with_nobody_to_write_to(wrong: dict[str, str], match: str) -> None:
    told = environment_of_web() | wrong
    if not wrong:
        del told["CONTACT_EMAIL"]
    with pytest.raises(SettingsMissing, match=match):
        WebSettings.from_env("web", told)


def environment_of_web() -> dict[str, str]:
    urls = dict.fromkeys(("DIRECTORY_URL", "EVENTS_URL", "GIVING_URL", "NOTIFY_URL"), "http://127.0.0.1:1")
    return {**urls, "PUBLIC_URL": "https://alumni.example.org", "CONTACT_EMAIL": "office@example.org"}


def test_only_the_local_stack_says_demo() -> None:
    """`AMICALE_DEMO` is set nowhere but in deploy/local."""
    kinds = ("*.yml", "*.yaml", "Dockerfile*", "Caddyfile*", "*.conf", "*.sh", "*.py", "*.env")
    files = [*ROOT.glob("docker-compose*.yml"), ROOT / "Makefile"]
    files += [path for kind in kinds for path in (ROOT / "deploy").rglob(kind)]
    saying = {
        path.relative_to(ROOT) for path in files if path.exists() and "AMICALE_DEMO" in path.read_text()
    }

    assert all(path.parts[:2] == ("deploy", "local") for path in saying), saying
