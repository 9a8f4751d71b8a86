"""Every service that exists, running on a database of its own with settings as production tells them."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from joserfc.jwk import OKPKey

from shared.current import EXTENSION
from shared.settings import Settings
from tests.support.postgres import Server, ServiceDatabase, service_database

ROOT = Path(__file__).parent.parent.parent
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/app.py"))


def environment(database_url: str, folder: Path, **more: str) -> dict[str, str]:
    """What a deployment tells its processes; every service takes from it what it needs."""
    accounts = folder / "accounts.json"
    entry = {"entity": "fondation", "account": "fondation", "webhook_secrets": ["whsec_0123456789"]}
    accounts.write_text(json.dumps([{**entry, "api_key": "sk_live_0123456789", "api_base": None}]))
    return {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "DIRECTORY_URL": "http://127.0.0.1:1",
        "GIVING_URL": "http://127.0.0.1:1",
        "NOTIFY_URL": "http://127.0.0.1:1",
        "PUBLIC_URL": "https://alumni.example.org",
        "LINK_KEY": "l" * 43,
        "MESSAGE_KEY": "m" * 43,
        "EMAIL_KEY": "e" * 43,
        "TOKEN_PRIVATE_KEY": json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)),
        "PROVIDER_ACCOUNTS_FILE": str(accounts),
        "SMTP_URL": "smtp://127.0.0.1:1",
        "EMAIL_FROM": "Amicale <amicale@example.org>",
        "LOG_LEVEL": "error",
        **more,
    }


def application(service: str, told: dict[str, str]) -> Flask:
    """The application of a service in this environment, through its own settings class and `create_app`."""
    kinds = vars(import_module(f"services.{service}.settings")).values()
    kind = next(
        (
            each
            for each in kinds
            if isinstance(each, type) and issubclass(each, Settings) and each is not Settings
        ),
        Settings,
    )
    app: Flask = import_module(f"services.{service}.app").create_app(kind.from_env(service, told))
    return app


@pytest.fixture(scope="session")
def databases(postgres: Server) -> dict[str, ServiceDatabase]:
    return {name: service_database(postgres, f"services.{name}", suffix="_contract") for name in SERVICES}


@pytest.fixture(scope="session")
def applications_of_the_run(
    databases: dict[str, ServiceDatabase], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Flask]:
    """Each service's application, made once; they stand side by side, as in production they never do."""
    folder = tmp_path_factory.mktemp("contracts")
    return {name: application(name, environment(databases[name].app_url, folder)) for name in SERVICES}


@pytest.fixture(scope="module")
def applications(applications_of_the_run: dict[str, Flask]) -> Iterator[dict[str, Flask]]:
    """The applications, told their own settings and connected to their own databases again.

    Tests of a service that ran in this process meanwhile told it theirs, and closed its database.
    """
    for name, app in applications_of_the_run.items():
        told = app.extensions[EXTENSION].settings
        import_module(f"services.{name}.settings").use(told)
        import_module(f"services.{name}.models").database.connect(told.database_url)
    yield applications_of_the_run
    for name in SERVICES:
        import_module(f"services.{name}.models").database.dispose()


def routes(app: Flask) -> Iterator[tuple[str, str, Any]]:
    """(method, rule, policy) of every route."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule, getattr(app.view_functions[rule.endpoint], "policy", None)
