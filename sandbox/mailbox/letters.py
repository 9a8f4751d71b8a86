"""The emails that arrived, kept byte for byte."""

import json
import sqlite3
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from typing import Any, cast


@dataclass(frozen=True)
class Letter:
    """One email, as the server received it: `sender` and `recipients` are those of the envelope."""

    seq: int
    at: float
    sender: str
    recipients: list[str]
    subject: str
    message_id: str | None
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        return cast(EmailMessage, message_from_bytes(self.raw, policy=policy.default))

    @property
    def html(self) -> str | None:
        return self._part("html")

    @property
    def text(self) -> str | None:
        return self._part("plain")

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self.message.items()]

    @property
    def attachments(self) -> list[tuple[str, str, bytes]]:
        """(file name, type, bytes) of each."""
        return [
            (
                part.get_filename() or "attachment",
                part.get_content_type(),
                part.get_payload(decode=True) or b"",
            )
            for part in self.message.iter_attachments()
        ]

    def _part(self, kind: str) -> str | None:
        part = self.message.get_body((kind,))
        return None if part is None else str(part.get_content())


def keep(db: sqlite3.Connection, *, sender: str, recipients: list[str], raw: bytes, at: float) -> None:
    """Keep it, however malformed."""
    message = message_from_bytes(raw, policy=policy.default)
    db.execute(
        "INSERT INTO emails (at, sender, recipients, subject, message_id, raw) VALUES (?, ?, ?, ?, ?, ?)",
        (
            at,
            sender,
            json.dumps(recipients),
            _header(message, "subject"),
            _header(message, "message-id"),
            raw,
        ),
    )


def listed(
    db: sqlite3.Connection, *, like: str = "", before: int | None = None, limit: int = 50
) -> list[Letter]:
    """The latest, newest first; `like` is part of a subject or an address."""
    rows = db.execute(
        "SELECT * FROM emails WHERE (? = '' OR instr(lower(subject || ' ' || recipients), lower(?)))"
        " AND (? IS NULL OR seq < ?) ORDER BY seq DESC LIMIT ?",
        (like, like, before, before, limit),
    )
    return [_letter(row) for row in rows]


def find(db: sqlite3.Connection, seq: int) -> Letter | None:
    row = db.execute("SELECT * FROM emails WHERE seq = ?", (seq,)).fetchone()
    return _letter(row) if row else None


def clear(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM emails")


def _letter(row: sqlite3.Row) -> Letter:
    return Letter(**dict(row) | {"recipients": json.loads(row["recipients"])})


def _header(message: Any, name: str) -> str:
    try:
        return str(message.get(name) or "").strip()
    except Exception:
        return ""
