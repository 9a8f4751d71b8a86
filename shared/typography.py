"""How plainly typed text is set: code, and in French the spaces that must not break and the apostrophes."""

import re

from markupsafe import Markup, escape

NARROW, WIDE = "\u202f", "\u00a0"
_ASIDE = re.compile(r"(<[^<>]*>|\{[{%].*?[}%]\})", re.DOTALL)


def french(text: str) -> str:
    """The text as French readers expect it: a narrow no-break space before ? ! ; : and inside « », and no
    figure parted from its unit or from its thousands.

    Addresses (`https://…`), times (`10:42`), tags and what a template fills in are left alone.
    """
    parts = _ASIDE.split(text)
    return "".join(part if at % 2 else _set(part) for at, part in enumerate(parts))


def _set(text: str) -> str:
    text = re.sub(r"(?<=\w)'(?=\w|$)", "’", text)
    text = re.sub(rf"(?<!\s)[ {WIDE}](?=[?!;:»])|(?<=\d)[ {WIDE}](?=%)", NARROW, text)
    text = re.sub(rf"«[ {WIDE}]", f"«{NARROW}", text)
    text = re.sub(r"(?<=\d) (?=€)", WIDE, text)
    return re.sub(r"(?<=\d) (?=\d{3}\b)", NARROW, text)


def coded(words: str) -> Markup:
    """Words with what stands between backquotes as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(words))))
