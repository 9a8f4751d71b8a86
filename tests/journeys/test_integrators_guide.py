"""The guide for integrators is run as it stands: what it tells partners to type works."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from standardwebhooks import Webhook, WebhookVerificationError

from deploy.local.layout import ROOT
from shared import kafka
from tests.support.donor import Donor, eventually
from tests.support.stack import RunningStack
from tests.support.staff import by_code

GUIDE = ROOT / "docs" / "guide-integrators.md"
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def blocks(language: str) -> list[tuple[int, str]]:
    """(line, text) of each block of code in this language."""
    whole = GUIDE.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", whole, re.MULTILINE | re.DOTALL)
    return [(whole.count("\n", 0, each.start(1)), each[1]) for each in found]


def here(text: str, stack: RunningStack, receiver: str = "") -> str:
    """The text with the addresses of this stack in place of those of the guide."""
    text = text.replace("127.0.0.1:8089", stack.broker).replace("http://127.0.0.1:8080", stack.url)
    return text.replace("https://crm.example.org/amicale", receiver)


@contextmanager
def receiving(said: dict[str, Any]) -> Iterator[SimpleNamespace]:
    """A partner's server, which hands what comes to the `take` of the guide once that is there."""
    seen = SimpleNamespace(deliveries=[], url="")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            code = 503
            if "take" in said:
                said["take"](body, headers)
                seen.deliveries.append((body, headers))
                code = 204
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_port}/amicale"
    yield seen
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.mark.stack
@pytest.mark.timeout(240)
def test_every_example_in_python_works_one_after_the_other(
    stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMICALE_PASSWORD", stack.secret("demo_staff_password"))
    said: dict[str, Any] = {}

    with receiving(said) as receiver:
        for line, text in blocks("python"):
            step = compile("\n" * line + here(text, stack, receiver.url), str(GUIDE), "exec")
            if "AMICALE_CODE" in text:
                by_code(stack, lambda code, step=step: _signed_in(step, said, code))
            else:
                exec(step, said)
            if "def take(" in text:
                _a_change_arrives(stack, said, receiver)


def _signed_in(step: Any, said: dict[str, Any], code: str) -> bool:
    """Run the step with a code of the authenticator; whether it was taken."""
    os.environ["AMICALE_CODE"] = code
    try:
        exec(step, said)
    except httpx.HTTPStatusError as error:
        assert error.response.json()["code"] == "sign_in_refused"
        return False
    return True


def _a_change_arrives(stack: RunningStack, said: dict[str, Any], receiver: SimpleNamespace) -> None:
    """A gift made now comes by webhook, once however often it comes, and nothing that is not genuine."""
    donor = Donor(stack)
    donor.until(donor.give(), "settled")
    body, headers = eventually(
        lambda: next((each for each in receiver.deliveries if donor.email in each[0]), None)
    )
    party = json.loads(body)["data"]["party_id"]
    kept = said["mine"].execute("select sequence, state from parties where party_id = ?", (party,))
    assert donor.email in kept.fetchone()[1]

    _as_documented(stack, json.loads(body))

    older = json.loads(body)
    older["data"] |= {"sequence": 0, "email": "older@example.org"}
    said["take"](*_signed(json.dumps(older), said["secret"]))
    said["take"](body, headers)

    (rows,) = said["mine"].execute("select count(*), max(state) from parties where party_id = ?", (party,))
    assert rows[0] == 1 and donor.email in rows[1]
    with pytest.raises(WebhookVerificationError):
        said["take"](body.replace(party, "0" * 36), headers)


def _as_documented(stack: RunningStack, told: dict[str, Any]) -> None:
    """What came is what notify's document says of it."""
    document = httpx.get(f"{stack.url}/api/v1/notify/openapi.json").json()
    schema = document["webhooks"][told["type"]]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    jsonschema.Draft202012Validator({**document, **schema}).validate(told)


def _signed(body: str, secret: str) -> tuple[str, dict[str, str]]:
    at = datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", at, body)
    return body, {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_example_in_javascript_takes_what_is_genuine_and_nothing_else(tmp_path: Path) -> None:
    ((_, text),) = blocks("javascript")
    program = tmp_path / "verify.js"
    tail = "\nconst [s, b, h] = JSON.parse(process.argv[2]); console.log(verify(s, b, h).type);\n"
    program.write_text(text + tail, encoding="utf-8")

    def run(secret: str, body: str, headers: dict[str, str]) -> subprocess.CompletedProcess[str]:
        command = ["node", str(program), json.dumps([secret, body, headers])]
        return subprocess.run(command, capture_output=True, text=True, timeout=30)

    body, headers = _signed('{"type": "party.changed", "é": 1}', SECRET)
    old = str(int(time.time()) - 3600)
    late = Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(int(old), UTC), body)

    assert run(SECRET, body, headers).stdout == "party.changed\n"
    assert run(SECRET, body + " ", headers).returncode != 0
    for missing in headers:
        told = run(SECRET, body, {name: value for name, value in headers.items() if name != missing})
        assert told.returncode != 0 and "not genuine" in told.stderr
    assert run(SECRET, body, headers | {"webhook-timestamp": old, "webhook-signature": late}).returncode != 0


@pytest.mark.stack
def test_the_commands_work(stack: RunningStack, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for _, text in blocks("sh"):
        done = subprocess.run(
            ["bash", "-euc", here(text, stack)],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Warning" not in done.stdout

    assert (tmp_path / "amicale_giving" / "client.py").exists()


def test_the_line_of_topics_is_one_that_topics_yml_could_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((_, text),) = blocks("yaml")
    whole = yaml.safe_load(kafka.TOPICS.read_text(encoding="utf-8"))
    before = {each.name: each for each in kafka.topics()}["amicale.giving"]
    whole["topics"] |= yaml.safe_load(text)["topics"]
    (tmp_path / "topics.yml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    monkeypatch.setattr(kafka, "TOPICS", tmp_path / "topics.yml")

    after = {each.name: each for each in kafka.topics()}["amicale.giving"]

    assert after.readers == (*before.readers, "thanks")
    assert (after.writer, after.config) == (before.writer, before.config)


def test_what_is_shown_as_json_is_json() -> None:
    for _, text in blocks("json"):
        json.loads(text)
