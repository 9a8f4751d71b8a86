"""Requests to addresses that others chose: only to the public internet, and never without limits."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from shared import outbound
from shared.outbound import AddressRefused, NotSent, check_address, send


@contextmanager
def server(speak: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads a request, then does `speak` with the connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    requests: list[bytes] = []

    def run() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                requests.append(connection.recv(65_536))
                with suppress(OSError):
                    speak(connection)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests
    finally:
        listening.close()


def answer(connection: socket.socket, body: bytes = b"ok", status: str = "200 OK", *headers: str) -> None:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    connection.sendall(f"{head}\r\n\r\n".encode() + body)


ALLOWED = {"127.0.0.1"}


def test_a_request_arrives_whole_and_so_does_the_answer() -> None:
    with server(answer) as (url, requests):
        got = send("POST", f"{url}/hook?a=1", body=b"{}", headers={"X-A": "b"}, allowed_hosts=ALLOWED)

    assert (got.status, got.body) == (200, b"ok")
    assert requests[0].startswith(b"POST /hook?a=1 HTTP/1.1\r\n") and b"X-A: b" in requests[0]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "localhost",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[ff02::1]",
        "[::127.0.0.1]",
        "192.88.99.1",
        "[fec0::1]",
    ],
)
def test_addresses_inside_are_refused_before_connecting(host: str) -> None:
    with pytest.raises((AddressRefused, NotSent)) as refused:
        send("GET", f"http://{host}:1/", timeout_s=1)

    assert isinstance(refused.value, AddressRefused) or refused.value.why == "NameNotFound"


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address: str) -> None:
    assert outbound._is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org",
        "http://",
        "http:///x",
        "example.org",
        "http://user:pass@example.org/",
        "http://example.org:99999/",
        "http://exa mple.org/",
        "http://example.org/\r\nX: y",
        "http://example.org\\@127.0.0.1/",
        "http://[::1",
        "http://exämple.org/",
        "",
    ],
)
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(url)


def test_a_name_with_one_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve_to(monkeypatch, "8.8.8.8", "127.0.0.1")

    with pytest.raises(AddressRefused):
        send("GET", "http://partner.example/")


def test_the_name_is_resolved_once_and_that_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that turns to 127.0.0.1 after the check gains nothing."""
    asked, connected = [], []

    def getaddrinfo(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8" if len(asked) == 1 else "127.0.0.1", port))
        ]

    def create_connection(address: tuple[str, int], timeout: float) -> Any:
        connected.append(address)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "create_connection", create_connection)

    with pytest.raises(NotSent):
        send("GET", "http://partner.example/hook")
    assert (asked, connected) == (["partner.example"], [("8.8.8.8", 80)])


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_redirects_are_not_followed() -> None:
    reached = []

    with server(lambda connection: reached.append(1) or answer(connection)) as (inside, _):  # type: ignore[func-returns-value]

        def redirect(connection: socket.socket) -> None:
            answer(connection, b"", "302 Found", f"Location: {inside}/")

        with server(redirect) as (url, _):
            assert send("GET", url, allowed_hosts=ALLOWED).status == 302
    assert not reached


def test_an_answer_over_the_cap_is_cut() -> None:
    def large(connection: socket.socket) -> None:
        answer(connection, b"x" * 200_000)

    with server(large) as (url, _), pytest.raises(NotSent):
        send("GET", url, allowed_hosts=ALLOWED, size_max=100_000)


def test_an_answer_cut_short_is_no_answer() -> None:
    def half(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    with server(half) as (url, _), pytest.raises(NotSent, match="IncompleteRead"):
        send("GET", url, allowed_hosts=ALLOWED)


@pytest.mark.parametrize("place", ["silent", "headers", "body"])
def test_a_slow_server_costs_no_more_than_the_limit(place: str) -> None:
    def drip(connection: socket.socket) -> None:
        if place == "silent":
            time.sleep(5)
            return
        if place == "body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.05)

    began = time.monotonic()
    with server(drip) as (url, _), pytest.raises(NotSent) as slow:
        send("GET", url, allowed_hosts=ALLOWED, timeout_s=0.5)

    assert time.monotonic() - began < 4
    assert slow.value.why == "TimeoutError"


def test_what_is_no_http_is_no_answer() -> None:
    def babble(connection: socket.socket) -> None:
        connection.sendall(b"\x00\x01garbage\r\n\r\n")

    with server(babble) as (url, _), pytest.raises(NotSent):
        send("GET", url, allowed_hosts=ALLOWED)


def test_a_header_cannot_smuggle_a_line() -> None:
    with server(answer) as (url, _), pytest.raises(NotSent):
        send("GET", url, headers={"X-A": "b\r\nHost: evil"}, allowed_hosts=ALLOWED)


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with server(answer) as (url, _):
        assert send("GET", url, allowed_hosts=ALLOWED).status == 200
