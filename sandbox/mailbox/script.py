"""What the mail server is told to refuse: rules, tried in order, each for so many times."""

import json
import sqlite3
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

STAGES = ("mail", "rcpt", "data")
CUTS = ("drop", "drop_mid", "drop_after")


class RuleInvalid(ValueError):
    """A rule of the mail server cannot be understood."""


@dataclass(frozen=True)
class Rule:
    """At `stage`, for addresses like `address`, give `answer` after `tarpit_s`; `times` times, −1 for ever.

    `answer` is an SMTP reply ("450 4.2.1 Later"), "drop" (the connection ends unanswered), and for the
    stage data "drop_mid" (it ends while the text is being sent) or "drop_after" (the email is kept, then
    it ends before the 250); an empty answer only waits.
    """

    stage: str
    address: str = "*"
    answer: str = ""
    tarpit_s: float = 0
    times: int = -1


def read(db: sqlite3.Connection) -> list[Rule]:
    row = db.execute("SELECT value FROM switches WHERE name = 'mail_rules'").fetchone()
    return [Rule(**each) for each in json.loads(row["value"])] if row else []


def write(db: sqlite3.Connection, rules: list[Rule]) -> None:
    db.execute(
        "INSERT OR REPLACE INTO switches VALUES ('mail_rules', ?)",
        (json.dumps([asdict(each) for each in rules]),),
    )


def parsed(wish: Any) -> list[Rule]:
    """The rules in a JSON list."""
    if not isinstance(wish, list):
        raise RuleInvalid("Rules are a JSON list.")
    return [_rule(each) for each in wish]


def take(db: sqlite3.Connection, stage: str, address: str) -> Rule | None:
    """The first rule that acts here; counts it down."""
    rules = read(db)
    for place, rule in enumerate(rules):
        if rule.times and rule.stage == stage and fnmatchcase(address.lower(), rule.address.lower()):
            if rule.times > 0:
                rules[place] = Rule(**asdict(rule) | {"times": rule.times - 1})
                write(db, rules)
            return rule
    return None


def _rule(wish: Any) -> Rule:
    try:
        rule = Rule(**wish)
    except TypeError as error:
        raise RuleInvalid(f"A rule has stage, address, answer, tarpit_s and times ({error}).") from None
    if rule.stage not in STAGES:
        raise RuleInvalid(f"A stage is one of {', '.join(STAGES)}.")
    if not all(isinstance(each, str) for each in (rule.address, rule.answer)):
        raise RuleInvalid("Address and answer are text.")
    if rule.answer and rule.answer not in CUTS and not _is_reply(rule.answer):
        raise RuleInvalid("An answer is like 450 4.2.1 Later, or one of drop, drop_mid, drop_after.")
    if rule.answer in CUTS[1:] and rule.stage != "data":
        raise RuleInvalid(f"{rule.answer} belongs to the stage data.")
    if type(rule.times) is not int or not 0 <= rule.tarpit_s <= 600:
        raise RuleInvalid("times is a whole number, tarpit_s from 0 to 600.")
    return rule


def _is_reply(answer: str) -> bool:
    return answer.isprintable() and answer[:3].isdecimal() and answer[0] in "45" and answer[3:4] in ("", " ")
