"""Requests to addresses that others chose (partner webhooks, pictures), safely, and to parts of our own.

The name is resolved once, every address found must be public, and the connection goes to the address that
was checked: a name that changes its answer in between gains nothing. No redirects, no proxies from the
environment; size and total time are capped.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

from shared import telemetry
from shared.errors import Refused

SIZE_MAX = 1024 * 1024


class NotSent(Exception):
    """No whole answer came: refused, timed out, cut short or too large. `why` never holds the address."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class AddressRefused(Refused):
    """This address is not one that Amicale sends to: it must be public, and start with https."""


@dataclass(frozen=True)
class Answer:
    """What came back: redirects are answers like any other, and are not followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10,
    size_max: int = SIZE_MAX,
    allowed_hosts: Collection[str] = (),
    inside: bool = False,
) -> Answer:
    """Send one request and read the whole answer within `timeout_s`; NotSent or AddressRefused otherwise.

    `allowed_hosts` are names or addresses that may be private (the demo's own receiver); `inside` is for
    addresses from the settings, which are not checked.
    """
    deadline = time.monotonic() + timeout_s
    target = _target(url)
    check = not inside and (target.hostname or "") not in allowed_hosts
    address = resolve(target, checked=check)
    connection = _connection(target, address, deadline)
    with _ended_at(deadline, connection):
        try:
            connection.request(method, _path(target), body=body, headers=_sent(headers, inside=inside))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), _read(answer, size_max))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotSent("TimeoutError" if time.monotonic() >= deadline else type(error).__name__) from None
        finally:
            connection.close()


def check_address(url: str, *, allowed_hosts: Collection[str] = ()) -> None:
    """AddressRefused unless `url` may be sent to as far as can be told now; for forms, before saving it."""
    target = _target(url)
    if (target.hostname or "") not in allowed_hosts:
        try:
            resolve(target, checked=True)
        except NotSent:
            raise AddressRefused from None


def resolve(target: SplitResult, *, checked: bool) -> str:
    """The one address to connect to; when `checked`, AddressRefused if any address found is not public."""
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(target.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotSent("NameNotFound") from None
    addresses = [str(each[4][0]) for each in found]
    if not addresses:
        raise NotSent("NameNotFound")
    if checked and not all(map(_is_public, addresses)):
        raise AddressRefused
    return addresses[0]


def _target(url: str) -> SplitResult:
    try:
        target = urlsplit(url)
        sound = (
            target.scheme in {"http", "https"}
            and bool(target.hostname)
            and target.username is None
            and target.port != 0
            and url.isascii()
            and not any(ord(letter) <= 32 or letter == "\\" for letter in url)
        )
    except ValueError:
        raise AddressRefused from None
    if not sound:
        raise AddressRefused
    return target


def _is_public(text: str) -> bool:
    """Whether an address is on the public internet; addresses that embed another count as the inner one."""
    address = ipaddress.ip_address(text.split("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None and not _is_public(str(inner)):
            return False
        if address.ipv4_mapped:
            return True
    if any(address in each for each in _FORMER):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


_FORMER = (ipaddress.IPv4Network("192.88.99.0/24"), ipaddress.IPv6Network("fec0::/10"))
"""The relays of 6to4 (RFC 7526) and the sites' own addresses (RFC 3879) of former days."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _connection(target: SplitResult, address: str, deadline: float) -> http.client.HTTPConnection:
    """A connection to `address` that speaks, and checks certificates, under the name that was asked for."""
    host, left = target.hostname or "", max(deadline - time.monotonic(), 0.001)
    connection: http.client.HTTPConnection
    if target.scheme == "https":
        connection = http.client.HTTPSConnection(host, target.port, timeout=left, context=_tls())
    else:
        connection = http.client.HTTPConnection(host, target.port, timeout=left)

    def connect(_: object, timeout: float, source: object = None) -> socket.socket:
        return socket.create_connection((address, connection.port), timeout)

    connection._create_connection = connect  # type: ignore[attr-defined]
    return connection


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _path(target: SplitResult) -> str:
    return (target.path or "/") + (f"?{target.query}" if target.query else "")


def _sent(headers: Mapping[str, str] | None, *, inside: bool) -> dict[str, str]:
    """What is sent anyway; the trace goes on inside the installation only."""
    sent = {"User-Agent": "Amicale", "Accept-Encoding": "identity"}
    if inside and (parent := telemetry.traceparent()):
        sent["traceparent"] = parent
    return {**sent, **(headers or {})}


@contextmanager
def _ended_at(deadline: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Cut the connection at the deadline, whatever the other side does: a socket's own timeout starts again
    with each byte."""

    def cut() -> None:
        if (sock := connection.sock) is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(deadline - time.monotonic(), 0.001), cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _read(answer: http.client.HTTPResponse, size_max: int) -> bytes:
    whole = bytearray()
    while chunk := answer.read1(65_536):
        whole += chunk
        if len(whole) > size_max:
            raise ValueError("answer too large")
    if answer.length:
        raise http.client.IncompleteRead(bytes(whole))
    return bytes(whole)
