"""Templates: what the emails say, in French and English, as HTML and as text.

A letter is two files in letters/: `<name>.<locale>.mjml` (what stands in the card) and `.txt` (subject,
preview, reason, then the text part). MJML is compiled once; then Jinja fills in, sandboxed, escaping in
HTML only. French typography is set when a letter is read, on our words and never on what is filled in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import mrml
from jinja2 import StrictUndefined
from jinja2 import Template as Jinja
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.typography import french

LETTERS = Path(__file__).parent / "letters"
NAMES = (
    *("gift_received", "gift_debit", "gift_failed", "gift_refunded"),
    *("receipt_issued", "receipt_voided", "sign_in_link"),
    *("registration_confirmed", "registration_rescheduled", "registration_cancelled"),
)

REFERENCE = {"fr": french("Référence :"), "en": "Reference:"}

_html = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined)
_text = ImmutableSandboxedEnvironment(autoescape=False, undefined=StrictUndefined)


@dataclass(frozen=True)
class Rendered:
    """A letter with its facts filled in."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True)
class Template:
    """A compiled letter in one language."""

    locale: str
    subject: Jinja
    preview: Jinja
    html: Jinja
    text: Jinja

    def render(self, facts: Mapping[str, Any]) -> Rendered:
        """Fill in; a fact that the letter names and nobody gave is an error, never a blank."""
        told = {"reference": "", "reference_label": REFERENCE[self.locale], **facts}
        subject = one_line(self.subject.render(told))
        preview = one_line(self.preview.render(told))
        html = self.html.render(told, subject=subject, preview=preview, locale=self.locale)
        text = re.sub(r"\n{3,}", "\n\n", self.text.render(told)).strip() + "\n"
        return Rendered(subject, html, text)


def render(name: str, locale: str, facts: Mapping[str, Any]) -> Rendered:
    """The letter `name` in `locale`, with `facts` filled in."""
    return template(name, locale).render(facts)


@cache
def template(name: str, locale: str) -> Template:
    """A letter, read and compiled once per process."""
    if name not in NAMES or locale not in REFERENCE:
        raise LookupError(f"no letter {name} in {locale}")
    head, body = _read(f"{name}.{locale}.txt", locale).split("\n\n", 1)
    lines = dict(line.split(": ", 1) for line in head.splitlines())
    card = _read(f"{name}.{locale}.mjml", locale)
    layout = (LETTERS / "layout.mjml").read_text(encoding="utf-8")
    mjml = layout.replace("<mj-raw><!-- body --></mj-raw>", card).replace(
        "<!-- because -->", lines["Because"]
    )
    return Template(
        locale=locale,
        subject=_text.from_string(lines["Subject"]),
        preview=_text.from_string(lines["Preview"]),
        html=_html.from_string(mrml.to_html(mjml.replace("{{ locale }}", locale)).content),
        text=_text.from_string(body + _FOOT.replace("because", lines["Because"])),
    )


_FOOT = """
--{{ ' ' }}
{{ school }}
because{% if reference %}
{{ reference_label }} {{ reference }}{% endif %}
"""


def one_line(words: str) -> str:
    """The words on one line: whatever was filled in, no control character reaches a header."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", words).split(" ")).strip()


def _read(file: str, locale: str) -> str:
    words = (LETTERS / file).read_text(encoding="utf-8")
    return french(words) if locale == "fr" else words
