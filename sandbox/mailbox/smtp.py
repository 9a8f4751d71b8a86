"""The mail server: it takes whatever is sent, and refuses what the script tells it to."""

import asyncio
import time
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.mailbox import letters, script
from sandbox.mailbox.script import Rule
from sandbox.store import Store

SIZE_MAX = 25 * 1024 * 1024


class Taker:
    """Asked by aiosmtpd at each stage of a dialogue; every answer may be scripted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := await self._scripted(server, "mail", address):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := await self._scripted(server, "rcpt", address):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: "Server", session: Session, envelope: Envelope) -> str:  # noqa: N802
        rule, server.rule = server.rule, None
        if rule and rule.answer not in {"", "drop_after"}:
            return await self._answered(server, rule) or "250 OK"
        with self._store.transaction() as db:
            letters.keep(
                db,
                sender=envelope.mail_from or "",
                recipients=envelope.rcpt_tos,
                raw=bytes(envelope.original_content or b""),
                at=time.time(),
            )
        return (await self._answered(server, rule) if rule else "") or "250 OK"

    def rule_for_data(self, envelope: Envelope) -> Rule | None:
        with self._store.transaction() as db:
            return script.take(db, "data", (envelope.rcpt_tos or [""])[0])

    async def _scripted(self, server: SMTP, stage: str, address: str) -> str:
        with self._store.transaction() as db:
            rule = script.take(db, stage, address)
        return await self._answered(server, rule) if rule else ""

    async def _answered(self, server: SMTP, rule: Rule) -> str:
        """The reply to give; nothing to go on as usual. A dropped connection is never answered."""
        await asyncio.sleep(rule.tarpit_s)
        if rule.answer in script.CUTS:
            server.transport.abort()
            raise ConnectionResetError
        if rule.answer.startswith("421"):
            server.loop.call_later(0.05, server.transport.close)
        return rule.answer


class Server(SMTP):
    """aiosmtpd's server, that can also hang up while the text is being sent."""

    rule: Rule | None = None

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if self.envelope and self.envelope.rcpt_tos:
            self.rule = self.event_handler.rule_for_data(self.envelope)
        if self.rule and self.rule.answer == "drop_mid":
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readline()
            self.transport.abort()
            raise ConnectionResetError
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return Server(self.handler, **self.SMTP_kwargs)


def server(store: Store, port: int) -> Any:
    """The mail server, not yet started: `.start()` and `.stop()`."""
    return _Controller(
        Taker(store),
        hostname="127.0.0.1",
        port=port,
        server_kwargs={"data_size_limit": SIZE_MAX, "enable_SMTPUTF8": True, "ident": "Amicale sandbox"},
    )
