"""Answers: what a mail server's answer means for the email that was tried.

Whom it is about follows from the step that it answers, then from its enhanced code (RFC 3463). To MAIL FROM
nothing was said of the letter yet: whatever is answered, the server takes nothing from us. To RCPT TO and
DATA, codes of the mail system (x.3.x), of our address as sender (x.1.7, x.1.8) and of signing in (530, 534,
535, 538) are the server's trouble, and so are 451 and 452 without an enhanced code to DATA, which RFC 5321
keeps for errors and storage of the server itself. To RCPT TO the same two are the mailbox's: servers say them
there of a full mailbox, and to have newcomers wait.

5.7.x (policy) depends on the step. To RCPT TO it is the server's trouble: Postfix tells there, by `554 5.7.1
Relay access denied`, that it no longer trusts us. It may also be one recipient's server that wants nothing
from us; taking that for trouble costs a day of tries for one address, the contrary loses every email. To DATA
it is the letter's: who took sender and recipient refuses what it reads, as spam for example. So are 5.6.x,
and 552 and 5.3.4 (size): the same letter would meet the same answer.
"""

import re
from dataclasses import dataclass

from services.notify.models import MAILBOX, REFUSING, SERVER

SENT, LATER, NEVER = "sent", "later", "never"
MAIL, RCPT, DATA = "mail", "rcpt", "data"
RECIPIENT, LETTER = "recipient", "letter"
"""What a refusal for good is about."""

ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
OF_THE_SYSTEM = re.compile(r"[45]\.(3\.(?!4$)\d+|1\.[78])")
SIGN_IN = frozenset({530, 534, 535, 538})
GOES_AWAY = frozenset({-1, 421})


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: sent, later or never, and the class of trouble in one word.

    `reason` holds codes and names of errors, never words of the server.
    """

    kind: str
    code: int | None
    reason: str = ""
    trouble: str | None = None


def judge(step: str, code: int, said: bytes | str) -> Outcome:
    """What an answer but 2xx to this step of the conversation means."""
    words = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    found = ENHANCED.match(words)
    enhanced = found.group() if found else ""
    reason = f"{code} {enhanced}".strip()
    if step == MAIL:
        return Outcome(LATER, code, reason, REFUSING)
    if _is_servers(step, code, enhanced):
        return Outcome(LATER, code, reason, SERVER)
    if code < 500:
        return Outcome(LATER, code, reason, MAILBOX)
    return Outcome(NEVER, code, reason, RECIPIENT if step == RCPT else LETTER)


def _is_servers(step: str, code: int, enhanced: str) -> bool:
    if code in GOES_AWAY or code in SIGN_IN or OF_THE_SYSTEM.fullmatch(enhanced):
        return True
    if step == RCPT:
        return enhanced.startswith("5.7.")
    return not enhanced and code in (451, 452)
