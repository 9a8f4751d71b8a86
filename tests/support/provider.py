"""The sandbox's payment provider for tests: in this process, or as one that can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from sandbox import running
from sandbox.provider import courier
from sandbox.settings import SandboxSettings
from shared.payments import accounts
from shared.payments.accounts import Account
from tests.support.broker import free_port

ROOT = Path(__file__).parents[2]


@dataclass
class Provider:
    """The provider as a test sees it: our accounts, and a donor's hands on the hosted page.

    `webhooks` holds (account, raw body, headers) of what was sent when no `webhook_url` was given.
    """

    folder: Path
    url: str
    accounts: dict[str, Account]
    sandbox: running.Sandbox | None = None
    webhooks: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    @property
    def account(self) -> Account:
        """The first account, for tests that need one."""
        return next(iter(self.accounts.values()))

    @property
    def accounts_file(self) -> str:
        """What a service is told as PROVIDER_ACCOUNTS_FILE (with AMICALE_DEMO=1: it is http)."""
        return str(self.folder / "service-accounts.json")

    def pay(self, page: str, card: str = "visa") -> httpx.Response:
        """Press the button of the page (its id or address); the answer redirects to where the donor goes."""
        return httpx.post(f"{self._page(page)}/payments", data={"card": card})

    def decline(self, page: str) -> httpx.Response:
        return self.pay(page, "declined")

    def expire(self, page: str, account: str = "") -> httpx.Response:
        """Close a page that was not paid, as the provider does of itself after a day."""
        key = self.accounts[account].api_key if account else self.account.api_key
        where = f"{self.url}/v1/checkout/sessions/{page.rsplit('/', 1)[-1]}/expire"
        return httpx.post(where, headers={"Authorization": f"Bearer {key}"})

    def look(self, page: str) -> httpx.Response:
        return httpx.get(self._page(page))

    def switch(self, **wish: Any) -> dict[str, Any]:
        """Misbehave: see sandbox.switches."""
        return self._said(httpx.put(f"{self.url}/sandbox/control/switches", json=wish))

    def behave(self) -> None:
        self._said(httpx.delete(f"{self.url}/sandbox/control/switches"))

    def dispute(self, payment_intent: str, account: str = "", **wish: Any) -> dict[str, Any]:
        """The bank takes the money of a payment back, or with `question=True` only asks."""
        where = f"{self.url}/sandbox/control/{account or self.account.account}/disputes"
        return self._said(httpx.post(where, json={"payment_intent": payment_intent, **wish}))

    def authenticate(self, page: str, *, seen: bool = True) -> httpx.Response:
        """Answer the bank that wants to see who pays (3-D Secure)."""
        return httpx.post(f"{self._page(page)}/authentications", data={"confirm" if seen else "fail": "1"})

    def decide(self, payment_intent: str, fate: str, account: str = "") -> dict[str, Any]:
        """The bank decides on a debit now: taken, refused, or returned after it was taken."""
        where = f"{self.url}/sandbox/control/{account or self.account.account}/debits/{payment_intent}"
        return self._said(httpx.post(f"{where}/decisions", json={"fate": fate}))

    def let_pass(self, *, days: float) -> None:
        """Days pass at the provider, with all that happens in them."""
        self._said(httpx.post(f"{self.url}/sandbox/control/clock", json={"days": days}, timeout=60))

    def close_dispute(self, id: str, outcome: str, account: str = "") -> dict[str, Any]:
        """The bank decides: won or lost."""
        where = f"{self.url}/sandbox/control/{account or self.account.account}/disputes/{id}/closures"
        return self._said(httpx.post(where, json={"outcome": outcome}))

    def fail_refund(self, id: str, account: str = "") -> dict[str, Any]:
        """A refund comes back: the donor's bank did not take it."""
        where = f"{self.url}/sandbox/control/{account or self.account.account}/refunds/{id}/failures"
        return self._said(httpx.post(where))

    def pay_out(self, account: str = "", **wish: Any) -> list[dict[str, Any]]:
        """The provider sends all that it holds to the bank; `arrives=False` leaves it on its way."""
        where = f"{self.url}/sandbox/control/{account or self.account.account}/payouts"
        return self._said(httpx.post(where, json=wish))["items"]

    def end_payout(self, id: str, end: str, account: str = "") -> dict[str, Any]:
        """What becomes of a payout: `arrivals` or `failures`."""
        where = f"{self.url}/sandbox/control/{account or self.account.account}/payouts/{id}/{end}"
        return self._said(httpx.post(where))

    def forget_answers(self) -> None:
        """A day passes: a repeated key means nothing any more."""
        assert self.sandbox is not None
        with self.sandbox.world.store.transaction() as db:
            db.execute("DELETE FROM answers")

    def deliveries(self) -> list[dict[str, Any]]:
        return self._said(httpx.get(f"{self.url}/sandbox/control/deliveries?limit=1000"))["items"]

    def send_again(self, event_id: str) -> None:
        self._said(httpx.post(f"{self.url}/sandbox/control/events/{event_id}/deliveries"))

    def settle(self, within_s: float = 10.0) -> None:
        """Wait until no webhook is on its way any more."""
        until = time.monotonic() + within_s
        while any(each["due_at"] is not None for each in self.deliveries()):
            if time.monotonic() > until:
                raise TimeoutError("webhooks are still on their way")
            time.sleep(0.01)

    def events(self, type: str | None = None) -> list[dict[str, Any]]:
        """What was sent to this process, parsed, in order of arrival."""
        parsed = [json.loads(body) for _, body, _ in self.webhooks]
        return [each for each in parsed if type in (None, each["type"])]

    def _page(self, page: str) -> str:
        return f"{self.url}/sandbox/pay/{page.rsplit('/', 1)[-1]}"

    def _said(self, answer: httpx.Response) -> Any:
        answer.raise_for_status()
        return answer.json()


def entry(account: str = "foundation", **more: Any) -> dict[str, Any]:
    """One line of SANDBOX_ACCOUNTS_FILE."""
    return {
        "account": account,
        "entity": account,
        "api_key": f"sk_test_{account}",
        "webhook_secrets": [f"whsec_{account}"],
        "webhook_url": f"http://webhooks.invalid/webhooks/stripe/giving/{account}",
        "webhook_events": ["*"],
        **more,
    }


CRM_KEY = "the-key-of-the-crm"


@contextmanager
def provider(
    folder: Path,
    entries: list[dict[str, Any]] | None = None,
    *,
    deliver: Callable[[str, bytes, dict[str, str]], int] | None = None,
    real_delivery: bool = False,
    public_url: str | None = None,
) -> Iterator[Provider]:
    """The provider in this process, on a free port.

    Webhooks go to `deliver(url, body, headers) -> status`; without it they are kept in `.webhooks` and
    taken with 200; with `real_delivery` they are posted to each account's `webhook_url`.
    """
    entries = entries or [entry()]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    shown = Provider(folder, url, _written(folder, entries, url))

    def keep(to: str, body: bytes, headers: dict[str, str]) -> int:
        shown.webhooks.append((to.rsplit("/", 1)[-1], body, headers))
        return deliver(to, body, headers) if deliver else 200

    settings = SandboxSettings(**_told(folder, port, public_url or url))
    with running.sandbox(settings, send=courier.send if real_delivery else keep) as sandbox:
        shown.sandbox = sandbox
        yield shown


@contextmanager
def provider_process(
    folder: Path, entries: list[dict[str, Any]] | None = None, *, port: int | None = None
) -> Iterator["Process"]:
    """The provider as a process of its own, that posts real webhooks and can be killed and started again."""
    entries = entries or [entry()]
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    process = Process(folder, url, _written(folder, entries, url), port=port)
    process.start()
    try:
        yield process
    finally:
        process.kill()


@dataclass
class Process(Provider):
    port: int = 0
    _child: "subprocess.Popen[bytes] | None" = None

    def start(self, within_s: float = 15.0) -> None:
        told = {name.upper(): str(value) for name, value in _told(self.folder, self.port, self.url).items()}
        told["AMICALE_DEMO"] = "1"
        command = [sys.executable, "-m", "sandbox"]
        self._child = subprocess.Popen(command, cwd=ROOT, env=os.environ | told, stderr=subprocess.DEVNULL)
        until = time.monotonic() + within_s
        while not self._answers():
            if time.monotonic() > until or self._child.poll() is not None:
                raise TimeoutError("the sandbox did not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """Take it away at once (SIGKILL)."""
        if self._child is not None:
            self._child.send_signal(signal.SIGKILL)
            self._child.wait(10)
            self._child = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False


def _written(folder: Path, entries: list[dict[str, Any]], url: str) -> dict[str, Account]:
    folder.mkdir(parents=True, exist_ok=True)
    ours = [{k: v for k, v in each.items() if k in accounts.KNOWN} | {"api_base": url} for each in entries]
    (folder / "service-accounts.json").write_text(json.dumps(ours), encoding="utf-8")
    (folder / "sandbox-accounts.json").write_text(json.dumps(entries), encoding="utf-8")
    return accounts.load(folder / "service-accounts.json", demo=True)


def _told(folder: Path, port: int, public_url: str) -> dict[str, Any]:
    return {
        "service": "sandbox",
        "public_url": public_url,
        "demo": True,
        "sandbox_port": port,
        "sandbox_smtp_port": free_port(),
        "sandbox_data": str(folder / "sandbox"),
        "sandbox_accounts_file": str(folder / "sandbox-accounts.json"),
        "sandbox_crm_key": CRM_KEY,
    }


__all__ = ["CRM_KEY", "Process", "Provider", "entry", "provider", "provider_process"]
