"""Appeals: the short code of a mailing, a link or a poster, by which a gift says what it answers."""

import re

PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"


def code(told: str | None) -> str:
    """`told` when it is an appeal's code, else nothing: by a link that was cut people give all the same."""
    return told if told and re.fullmatch(PATTERN, told) else ""
