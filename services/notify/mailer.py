"""The mailer: one conversation with the mail server at a time. The only import of smtplib.

SMTP_URL is `smtps://user:password@host:465` (TLS from the start) or `smtp://…@host:587` (STARTTLS, which
must be offered; `?tls=none` lets go of it, and a loopback host never needs it).
"""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from urllib.parse import parse_qs, unquote, urlsplit

from services.notify.answers import DATA, LATER, LETTER, MAIL, NEVER, RCPT, RECIPIENT, SENT, Outcome, judge
from services.notify.attachments import Attachment
from services.notify.models import REFUSING, SERVER, UNREACHED
from services.notify.templates import one_line

CONNECT_S = 10
STEP_S = 20
CONVERSATION_S = 60
"""Limits in seconds: to connect, between two answers, and on one email as a whole: a server that drips a
byte now and then must not hold a sender for ever."""


@dataclass(frozen=True)
class Outgoing:
    """All that one email needs to leave."""

    sender: str
    to_address: str
    to_name: str
    subject: str
    html: str
    text: str
    message_id: str
    date: datetime
    locale: str
    calendar: Attachment | None = None


class Unreachable(Exception):
    """The server cannot be talked to at the moment; says why without any address or name.

    `code` is its answer when it gave one: it is there, and takes nothing from us.
    """

    def __init__(self, why: str, code: int | None = None) -> None:
        super().__init__(why)
        self.code = code


class Mailer:
    """Talks to one server; keeps a connection open while there is more to send, one for each thread."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        if self._target.scheme not in ("smtp", "smtps") or not self._target.hostname:
            raise ValueError("SMTP_URL must look like smtp://host:port or smtps://host:port")
        self._here = threading.local()
        self._misses = 0
        self._rests_until = 0.0

    def rests(self) -> bool:
        """Whether the server took nothing from us a moment ago: the next try waits, for 30 s at most."""
        return self._misses > 0 and time.monotonic() < self._rests_until

    def _miss(self) -> None:
        self._misses += 1
        self._rests_until = time.monotonic() + min(0.25 * 2**self._misses, 30)

    def send(self, email: Outgoing) -> Outcome:
        """Try once to hand over an email; never raises."""
        try:
            email = replace(email, to_address=routable(email.to_address))
            data = encode(email)
        except (ValueError, LookupError, HeaderParseError) as error:
            return Outcome(NEVER, None, f"cannot be written: {type(error).__name__}", LETTER)
        try:
            line = self._line()
        except Unreachable as error:
            self._miss()
            return Outcome(LATER, error.code, str(error), REFUSING if error.code else UNREACHED)
        with _limited(line):
            outcome = _converse(line, email, data)
        if outcome.trouble == REFUSING:
            self._miss()
        else:
            self._misses = 0
        if outcome.kind != SENT:
            self.hang_up()
        return outcome

    def hang_up(self) -> None:
        """Close this thread's connection, politely if possible."""
        line, self._here.line = getattr(self._here, "line", None), None
        if line is not None:
            with suppress(smtplib.SMTPException, OSError):
                line.quit()
            line.close()

    def _line(self) -> smtplib.SMTP:
        line: smtplib.SMTP | None = getattr(self._here, "line", None)
        if line is not None and _is_alive(line):
            return line
        self.hang_up()
        self._here.line = self._connect()
        return self._here.line

    def _connect(self) -> smtplib.SMTP:
        try:
            line = self._greet()
        except smtplib.SMTPResponseException as error:
            raise Unreachable(f"the server refuses us: {error.smtp_code}", error.smtp_code) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(f"no connection: {type(error).__name__}") from None
        return line

    def _greet(self) -> smtplib.SMTP:
        host, port = self._target.hostname or "", self._target.port
        name = socket.gethostname() or "localhost"  # smtplib would ask DNS for it at each connection
        if self._target.scheme == "smtps":
            tls = ssl.create_default_context()
            line: smtplib.SMTP = smtplib.SMTP_SSL(host, port or 465, name, timeout=CONNECT_S, context=tls)
        else:
            line = smtplib.SMTP(host, port or 587, name, timeout=CONNECT_S)
        try:
            with _limited(line):
                self._secure(line, host)
        except BaseException:
            line.close()
            raise
        assert line.sock is not None
        line.sock.settimeout(STEP_S)
        return line

    def _secure(self, line: smtplib.SMTP, host: str) -> None:
        line.ehlo_or_helo_if_needed()
        if self._target.scheme == "smtp" and not self._plain_is_fine(host):
            line.starttls(context=ssl.create_default_context())
        if self._target.username:
            line.login(unquote(self._target.username), unquote(self._target.password or ""))

    def _plain_is_fine(self, host: str) -> bool:
        return host in ("localhost", "127.0.0.1", "::1") or parse_qs(self._target.query).get("tls") == [
            "none"
        ]


def encode(email: Outgoing) -> bytes:
    """The message as it travels: text and HTML, headers on one line each, whatever was filled in."""
    message = EmailMessage(policy=policy.SMTP)
    name, address = parseaddr(email.sender)
    message["From"] = Address(one_line(name), addr_spec=address)
    message["To"] = Address(one_line(email.to_name), addr_spec=email.to_address)
    message["Subject"] = one_line(email.subject)
    message["Date"] = format_datetime(email.date)
    message["Message-ID"] = email.message_id
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = email.locale
    message.set_content(email.text, cte="quoted-printable")
    message.add_alternative(email.html, subtype="html", cte="quoted-printable")
    if (file := email.calendar) is not None:
        told = {"method": file.method, "charset": "utf-8"}
        message.add_attachment(
            file.content, maintype="text", subtype="calendar", filename=file.name, params=told
        )
    return message.as_bytes()


def routable(address: str) -> str:
    """The address with its domain in ASCII (IDNA); UnicodeError when there is no such domain."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def _converse(line: smtplib.SMTP, email: Outgoing, data: bytes) -> Outcome:
    steps: dict[str, Callable[[], tuple[int, bytes]]] = {
        MAIL: lambda: line.mail(parseaddr(email.sender)[1]),
        RCPT: lambda: line.rcpt(email.to_address),
        DATA: lambda: line.data(data),
    }
    try:
        for step, take in steps.items():
            code, said = take()
            if not 200 <= code < 300:
                return judge(step, code, said)
        return Outcome(SENT, code)
    except smtplib.SMTPResponseException as error:
        return judge(step, error.smtp_code, error.smtp_error)
    except UnicodeEncodeError:
        return Outcome(NEVER, None, "the server takes no such address (SMTPUTF8)", RECIPIENT)
    except (smtplib.SMTPException, OSError) as error:
        return Outcome(LATER, None, f"cut off: {type(error).__name__}", SERVER)


def _is_alive(line: smtplib.SMTP) -> bool:
    with suppress(smtplib.SMTPException, OSError):
        return line.noop()[0] == 250
    return False


@contextmanager
def _limited(line: smtplib.SMTP) -> Iterator[None]:
    def cut() -> None:
        if line.sock is not None:
            with suppress(OSError):
                line.sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(CONVERSATION_S, cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
