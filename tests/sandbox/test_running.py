"""How the sandbox starts and stops."""

import signal
import subprocess
import sys
import time

import httpx
import pytest

from sandbox import settings
from shared.settings import SettingsMissing
from tests.support.provider import entry, provider, provider_process

ENVIRONMENT = {
    "PUBLIC_URL": "http://127.0.0.1:8080",
    "SANDBOX_PORT": "1",
    "SANDBOX_SMTP_PORT": "2",
    "SANDBOX_DATA": "/nowhere",
}


def test_it_starts_in_a_demo_only(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AMICALE_DEMO", raising=False)

    with pytest.raises(SettingsMissing, match="demo only"):
        settings.load()
    monkeypatch.setenv("AMICALE_DEMO", "1")
    assert settings.load().sandbox_port == 1


def test_the_command_says_what_is_missing():
    ended = subprocess.run([sys.executable, "-m", "sandbox"], capture_output=True, text=True, env={})

    assert ended.returncode != 0
    assert "SANDBOX_PORT is missing" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_refuses_live_keys(tmp_path):
    with pytest.raises(SystemExit, match="live key"), provider(tmp_path, [entry(api_key="sk_live_1")]):
        pass


def test_it_stops_when_it_is_told_even_while_a_caller_waits(tmp_path):
    with provider_process(tmp_path) as bank:
        bank.switch(api_late_next=1, api_late_s=60)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(
                f"{bank.url}/v1/events", headers={"Authorization": "Bearer sk_test_foundation"}, timeout=0.5
            )

        started = time.monotonic()
        bank._child.send_signal(signal.SIGTERM)

        assert bank._child.wait(10) == 0
        assert time.monotonic() - started < 20


def test_a_forgotten_answer_is_made_anew_after_a_week(tmp_path):
    with provider(tmp_path) as bank:
        store = bank.sandbox.world.store
        with store.transaction() as db:
            db.execute("INSERT INTO answers VALUES ('foundation', 'old', 'h', 200, '{}', 0)")
        bank.sandbox.world.courier.sweep_once()

        with store.transaction() as db:
            assert db.execute("SELECT count(*) AS n FROM answers").fetchone()["n"] == 0
