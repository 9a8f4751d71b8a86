"""Tokens and rights: what is accepted, what is refused, and what happens when the directory is away."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from shared import auth, keys, tokens
from shared.auth import Caller, RightsUnavailable, ask_directory
from shared.keys import FetchedKeys, KeysUnavailable, read_keys
from shared.rights import LIVE, RIGHTS
from tests.support.small.app import create_app, settings
from tests.support.tokens import JWKS, KEY, LiveRightsOfTests, bearer, token_for

NOTES = "/api/v1/small/notes"
PERSON = UUID("018f3c1e-7c7c-7000-8000-000000000001")


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    sound = {
        "iss": tokens.ISSUER,
        "aud": ["small"],
        "sub": str(PERSON),
        "sid": "s",
        "rights": ["giving.read"],
        "iat": now,
        "exp": now + 300,
    }
    return {name: value for name, value in {**sound, **changed}.items() if value is not None}


def signed(body: dict[str, Any], *, key: Any = KEY, **header: Any) -> str:
    whole = {"alg": "Ed25519", "typ": "at+jwt", "kid": "test", **header}
    return jwt.encode(
        {name: each for name, each in whole.items() if each}, body, key, algorithms=[whole["alg"]]
    )


def ask(client: FlaskClient, authorization: str) -> int:
    return client.get(NOTES, headers={"Authorization": authorization}).status_code


def test_a_sound_token_opens_the_door(client: FlaskClient) -> None:
    assert ask(client, f"Bearer {signed(claims())}") == 200
    assert ask(client, f"bearer {signed(claims())}") == 200


def _unsigned() -> str:
    parts = ({"alg": "none", "typ": "at+jwt", "kid": "test"}, claims())
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in parts)
        + "."
    )


now = int(time.time())
REFUSED = {
    "garbage": "x",
    "dots": "..",
    "not ascii": "é.é.é",
    "huge": "a" * 9000,
    "no signature": _unsigned(),
    "other key, same kid": signed(claims(), key=OKPKey.generate_key("Ed25519")),
    "unknown kid": signed(claims(), kid="other"),
    "no kid": signed(claims(), kid=None),
    "public key as a secret": jwt.encode(
        {"alg": "HS256", "typ": "at+jwt", "kid": "test"},
        claims(),
        OctKey.import_key(json.dumps(JWKS)),
        algorithms=["HS256"],
    ),
    "no typ": signed(claims(), typ=None),
    "another typ": signed(claims(), typ="JWT"),
    "expired": signed(claims(iat=now - 400, exp=now - 100)),
    "of tomorrow": signed(claims(iat=now + 86_400, exp=now + 86_500)),
    "too long-lived": signed(claims(exp=now + 3600)),
    "another audience": signed(claims(aud=["giving"])),
    "audience as text": signed(claims(aud="small")),
    "another issuer": signed(claims(iss="evil")),
    "person that is no id": signed(claims(sub="1")),
    "rights as text": signed(claims(rights="giving.read")),
    "times as text": signed(claims(exp=str(now + 100))),
    "time as a truth": signed(claims(iat=True)),
    **{
        f"without {name}": signed(claims(**{name: None}))
        for name in ("iss", "aud", "sub", "sid", "iat", "exp", "rights")
    },
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_any_other_token_is_401_everywhere(client: FlaskClient, token: str) -> None:
    header = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}

    assert client.get(NOTES, headers=header).status_code == 401
    assert client.get(f"{NOTES}/summary", headers=header).get_json(force=True)["code"] == "token_refused"


def test_a_token_with_one_bit_changed_is_refused(client: FlaskClient) -> None:
    token = token_for(rights=["giving.read"])
    head, body, mac = token.split(".")

    assert ask(client, f"Bearer {head}.{body}.{'A' if mac[0] != 'A' else 'B'}{mac[1:]}") == 401
    assert ask(client, f"Bearer {head}.{body[:-4]}AAAA.{mac}") == 401


def test_another_scheme_is_nobody(client: FlaskClient) -> None:
    assert client.get(f"{NOTES}/summary", headers={"Authorization": "Session abc"}).status_code == 200
    assert ask(client, "Basic YTpi") == 401


def test_a_right_unknown_here_is_ignored(client: FlaskClient) -> None:
    assert ask(client, f"Bearer {signed(claims(rights=['everything']))}") == 403


def test_a_live_right_is_asked_at_each_use_and_only_then(
    client: FlaskClient, live: LiveRightsOfTests
) -> None:
    headers = bearer(PERSON, ["giving.refund", "giving.read"])

    assert client.get(NOTES, headers=headers).status_code == 200
    assert live.asked == 0

    assert client.delete(f"{NOTES}/{uuid4()}", headers=headers).status_code == 404
    assert live.asked == 1

    live.taken.add((PERSON, "giving.refund"))
    assert client.delete(f"{NOTES}/{uuid4()}", headers=headers).status_code == 403
    live.ended.add(PERSON)
    assert (
        client.delete(f"{NOTES}/{uuid4()}", headers=headers).get_json(force=True)["code"] == "session_ended"
    )


def test_live_rights_are_rights() -> None:
    assert LIVE <= RIGHTS


@pytest.mark.parametrize("right", ["events.manage", "giving.refund", "people.manage", "rights.manage"])
def test_what_cannot_be_undone_asks_whether_the_right_is_still_there(right: str) -> None:
    """A cancelled event has written to everybody who comes, a refund has left."""
    assert right in LIVE


class Directory:
    """A stand-in for the directory's two addresses, over real HTTP."""

    def __init__(self) -> None:
        self.jwks: dict[str, Any] = JWKS
        self.current: tuple[int, Any] = (200, {"active": True, "rights": ["giving.refund"]})
        self.seen: list[tuple[str, str]] = []
        directory = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                directory.seen.append((self.path, self.headers.get("Authorization", "")))
                status, body = (200, directory.jwks) if self.path.endswith("/jwks") else directory.current
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fetches(self) -> int:
        return sum(path.endswith("/jwks") for path, _ in self.seen)


@pytest.fixture
def directory() -> Any:
    running = Directory()
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_a_service_learns_the_keys_by_itself_and_asks_rights_with_the_token(
    directory: Directory, small_database: Any
) -> None:
    client = create_app(settings(small_database.app_url, directory_url=directory.url)).test_client()
    token = token_for(PERSON, ["giving.refund"])

    assert (
        client.delete(f"{NOTES}/{uuid4()}", headers={"Authorization": f"Bearer {token}"}).status_code == 404
    )

    assert directory.seen == [
        ("/api/v1/directory/jwks", ""),
        ("/api/v1/directory/tokens/current", f"Bearer {token}"),
    ]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ((200, {"active": True, "rights": ["giving.read"]}), frozenset({"giving.read"})),
        ((200, {"active": False, "rights": ["giving.read"]}), None),
        ((401, {}), None),
        ((500, {}), RightsUnavailable),
        ((200, b"[1"), RightsUnavailable),
        ((200, []), RightsUnavailable),
        ((302, {}), RightsUnavailable),
        ((200, {"active": True}), RightsUnavailable),
        ((200, {"active": True, "rights": "giving.refund"}), RightsUnavailable),
        ((200, {"active": "no", "rights": ["giving.refund"]}), RightsUnavailable),
    ],
)
def test_any_answer_but_a_clear_one_closes_the_door(directory: Directory, said: Any, outcome: Any) -> None:
    directory.current = said
    _, live = ask_directory(directory.url)
    who = Caller(PERSON, frozenset(), "s", "", token="t")

    if outcome is RightsUnavailable:
        with pytest.raises(RightsUnavailable):
            live(who)
    else:
        assert live(who) == outcome


def test_with_the_directory_away_guests_go_on_and_the_signed_in_are_told_503(
    client: FlaskClient, small: Any
) -> None:
    small.extensions["amicale"].doorkeeper.keys, small.extensions["amicale"].doorkeeper.live_rights = (
        ask_directory("http://127.0.0.1:1")
    )

    assert client.get(f"{NOTES}/summary").status_code == 200
    answer = client.get(NOTES, headers=bearer(rights=["giving.read"]))
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "keys_unavailable")
    assert answer.headers["Retry-After"]


def test_a_live_right_without_answer_is_503_and_nothing_is_done(client: FlaskClient, small: Any) -> None:
    _, small.extensions["amicale"].doorkeeper.live_rights = ask_directory("http://127.0.0.1:1")

    answer = client.delete(f"{NOTES}/{uuid4()}", headers=bearer(rights=["giving.refund"]))

    assert (answer.status_code, answer.get_json(force=True)["code"]) == (503, "rights_unavailable")


def test_an_unknown_key_costs_one_fetch_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    found = FetchedKeys(lambda: fetched.append(1) or json.dumps(JWKS).encode())  # type: ignore[func-returns-value]
    assert found.find("test") is not None
    assert len(fetched) == 1

    for _ in range(20):
        assert found.find("other") is None
    assert len(fetched) == 2

    monkeypatch.setattr(keys, "UNKNOWN_KID_S", 0)
    found.find("other")
    assert len(fetched) == 3


def test_a_new_key_is_learned_and_the_old_ones_stay_when_the_directory_goes() -> None:
    new = OKPKey.generate_key("Ed25519", {"kid": "new"})
    said: list[Any] = [JWKS]

    def fetch() -> bytes:
        if said[0] is None:
            raise OSError
        return json.dumps(said[0]).encode()

    found = FetchedKeys(fetch)
    assert found.find("test") is not None

    said[0] = {"keys": [*JWKS["keys"], {**new.as_dict(private=False), "kid": "new"}]}
    assert found.find("new") is not None

    said[0] = None
    assert found.find("test") is not None and found.find("gone") is None


def test_without_any_key_yet_the_answer_is_unavailable() -> None:
    def fetch() -> bytes:
        raise OSError

    with pytest.raises(KeysUnavailable):
        FetchedKeys(fetch).find("test")


@pytest.mark.parametrize(
    "odd", [None, 1, "x", [], {"kty": "RSA"}, {"crv": "Ed25519"}, {"crv": "Ed25519", "kty": "OKP", "x": "!"}]
)
def test_odd_keys_are_passed_over(odd: Any) -> None:
    assert list(read_keys({"keys": [odd, *JWKS["keys"]]})) == ["test"]


def test_private_parts_and_other_algorithms_never_enter() -> None:
    private = {**KEY.as_dict(private=True), "kid": "p"}

    (key,) = read_keys({"keys": [private, {"kty": "oct", "k": "c2VjcmV0", "kid": "o"}]}).values()

    assert not key.is_private


def test_a_token_verified_once_is_refused_all_the_same_when_it_ends(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_for(rights=["giving.read"], lifetime_s=10)
    assert ask(client, f"Bearer {token}") == 200

    later = time.time() + 11
    monkeypatch.setattr(time, "time", lambda: later)

    assert ask(client, f"Bearer {token}") == 401


def test_the_memory_of_verified_tokens_is_bounded(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "VERIFIED_MAX", 3)
    client = small.test_client()

    for _ in range(10):
        assert ask(client, f"Bearer {token_for(rights=['giving.read'])}") == 200

    assert len(small.extensions["amicale"].doorkeeper._verified) <= 3
