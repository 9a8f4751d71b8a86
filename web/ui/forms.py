"""Forms: what was typed is kept, what is wrong is said beside the field and summed up at the top."""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from flask import Flask

from shared.money import CURRENCIES

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
FORM_SPACE = uuid.UUID("6f2f7c0e-6d3b-4a57-9d57-1c2d6a3e8b10")


@dataclass
class Filled:
    """A form as it was filled in: `values` as typed, `errors` by field name, `alert` for the whole."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    alert: str = ""

    def value(self, name: str, default: str = "") -> str:
        """What was typed."""
        return self.values.get(name, default).strip()

    def error(self, name: str) -> str:
        """What is wrong with a field, or nothing."""
        return self.errors.get(name, "")

    def refuse(self, name: str, sentence: str) -> None:
        """Say what is wrong with a field; the first word on a field stays."""
        self.errors.setdefault(name, sentence)

    @property
    def is_good(self) -> bool:
        """Whether nothing was refused."""
        return not self.errors and not self.alert


def teach(app: Flask) -> None:
    """Give templates a fresh key for each form that creates something, and an empty form."""
    app.jinja_env.globals.update(fresh_key=lambda: str(uuid.uuid4()), blank=Filled)


def key_of(form_key: str, wish: Mapping) -> str:
    """The Idempotency-Key of a wish sent from one form.

    The same form sent twice with the same content is one wish (a double tap, a reload, the back button); with
    another content it is another wish.
    """
    content = json.dumps(wish, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(f"{form_key[:64]}\n{content}".encode("utf-8", "replace")).hexdigest()
    return str(uuid.uuid5(FORM_SPACE, digest))


def minor_units(typed: str, currency: str = "EUR") -> int | None:
    """The amount that a person typed (`50`, `1 234,50`, `€12.5`), in minor units; None when it is not one."""
    plain = re.sub(r"[\s\u00a0\u202f'’]|€|EUR", "", typed).replace(",", ".")
    if not re.fullmatch(r"\d{1,9}(\.\d{1,2})?", plain, re.ASCII):
        return None
    try:
        minor = Decimal(plain).scaleb(CURRENCIES[currency])
    except InvalidOperation:
        return None
    return int(minor) if minor == minor.to_integral_value() else None


def euros(minor: int | None) -> str:
    """An amount as a person would type it: `50`, `1234,50`."""
    whole, cents = divmod(minor or 0, 100)
    return f"{whole},{cents:02}" if cents else str(whole)


def looks_like_email(typed: str) -> bool:
    """Whether it could be delivered to; the service has the last word."""
    return len(typed) <= 254 and EMAIL.fullmatch(typed) is not None
