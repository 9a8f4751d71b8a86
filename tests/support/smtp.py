"""A mail server for the tests that answers by a script: codes at any step, cut lines, tar pits."""

import asyncio
import email
import threading
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

CUT = "cut"
"""Instead of an answer: the connection ends."""


class Scripted:
    """Listens on a port of its own. `rcpt` and `data` hold, per address, the answers of its next attempts."""

    def __init__(self, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.rcpt: dict[str, list[str]] = {}
        self.data: dict[str, list[str]] = {}
        self.greeting: list[str] = []
        self.sender = ""
        """What MAIL FROM is answered, whoever the letter is for; taken when empty."""
        self.drip_s = 0.0
        self.tried: list[str] = []
        self.taken: list[EmailMessage] = []
        self.on_step: Callable[[str, str], None] = lambda step, address: None
        """Told when a recipient is named (`asked`), and when a message is ours for good (`taken`)."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def start(self, port: int = 0) -> None:
        """Listen; on the same port again after `stop`, if told so."""
        self._server = self._run(self._loop.create_server(self._protocol, self.host, port))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Stop listening; connections that are open end."""

        async def stop() -> None:
            self._server.close()
            self._server.close_clients() if hasattr(self._server, "close_clients") else None

        self._run(stop())

    @property
    def url(self) -> str:
        """SMTP_URL of this server."""
        return f"smtp://{self.host}:{self.port}"

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def _protocol(self) -> "Protocol":
        return Protocol(self)


class Protocol(SMTP):
    """aiosmtpd's protocol, with our script in its handler."""

    def __init__(self, script: Scripted) -> None:
        self.script = script
        super().__init__(self, data_size_limit=10_000_000, hostname="mail.test", enable_SMTPUTF8=False)

    async def push(self, status: Any) -> None:
        """Answer; a greeting may be scripted, and an answer may drip."""
        text = status if isinstance(status, str) else status.decode()
        if text.startswith("220 ") and self.script.greeting:
            text = self.script.greeting.pop(0)
        if self.script.drip_s:
            for letter in f"{text}\r\n".encode():
                self._writer.write(bytes([letter]))
                await asyncio.sleep(self.script.drip_s)
            return
        await super().push(text)

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self.script.sender:
            envelope.mail_from = address
        return self.script.sender or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.script.tried.append(address)
        self.script.on_step("asked", address)
        answer = self._next(self.script.rcpt, address)
        if answer == CUT:
            self.transport.abort()
            return "421 cut"
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Cut in the middle of DATA where the script says so."""
        address = self.envelope.rcpt_tos[0] if self.envelope.rcpt_tos else ""
        if (self.script.data.get(address) or [""])[0] == CUT:
            self.script.data[address].pop(0)
            await self.push("354 go on")
            await self._reader.read(200)
            self.transport.abort()
            return
        await super().smtp_DATA(arg)

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        answer = self._next(self.script.data, address)
        if answer is not None:
            return answer
        content = (
            envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        )
        message = email.message_from_bytes(content, policy=policy.default)
        message["X-Rcpt"] = address
        self.script.taken.append(message)  # type: ignore[arg-type]
        self.script.on_step("taken", address)
        return "250 2.0.0 taken"

    @staticmethod
    def _next(script: dict[str, list[str]], address: str) -> str | None:
        answers = script.get(address)
        return answers.pop(0) if answers else None
