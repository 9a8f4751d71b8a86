"""What notify does by the clock: emails and deliveries leave, spent secrets go.

What a message led to leaves at once, for the consumer wakes these jobs; the clock is for retries.

Two senders and two pushers, so that one slow server or partner does not make the others wait; the second
of each looks less often while there is nothing to do. Each claims a row, commits, talks with no transaction
open, and writes down what came of it in a second transaction; what it makes elsewhere where no key guards it,
it holds by a short one in between.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, partial

from services.notify import comparison_parts, comparisons, crm_holds, deliveries, sendings
from services.notify.mailer import Mailer
from services.notify.models import CrmComparison, Email, Transaction
from services.notify.settings import current
from shared.clock import now
from shared.jobs import every
from shared.telemetry import log, traced

IDLE_S, HELP_S = 0.5, 1.0
NIGHTLY_S = 24 * 3600
Clock = Callable[[], datetime]


@cache
def mailer() -> Mailer:
    """The mail server of this process; a connection for each sender."""
    return Mailer(current().smtp_url)


@every(IDLE_S, lease=False)
def send_emails(at: datetime) -> int:
    """Hand the next email over to the mail server."""
    return send_next(mailer())


@every(HELP_S, lease=False)
def send_more_emails(at: datetime) -> int:
    """The same, beside it."""
    return send_next(mailer())


@every(IDLE_S, lease=False)
def push_deliveries(at: datetime) -> int:
    """Bring the next delivery to its subscription."""
    return push_next()


@every(HELP_S, lease=False)
def push_more_deliveries(at: datetime) -> int:
    """The same, beside it."""
    return push_next()


@every(60)
def forget_secrets(at: datetime) -> int:
    """Drop the secrets of emails whose time has passed."""
    with Transaction() as session:
        return sendings.forget_secrets(session, at=at)


@every(NIGHTLY_S)
def compare_crms(at: datetime) -> None:
    """Begin to compare all that we know with each CRM."""
    with Transaction() as session:
        comparisons.start_all(session, at=at)


@every(2)
def go_on_comparing(at: datetime) -> int:
    """The next part of a repair, or of a comparison: its end forgets what was to be repaired before."""
    return repair_next() or compare_next()


def send_next(by: Mailer, *, clock: Clock = now) -> int:
    """Send one email if one is due and the server is not resting; how many attempts were made."""
    if by.rests():
        return 0
    with Transaction() as session:
        email = sendings.claim(session, at=clock())
    if email is None:
        by.hang_up()
        return 0
    with traced("send email", **_chain(email)):
        outcome = sendings.attempt(email, by, current())
        with Transaction() as session:
            sendings.conclude(session, email.id, attempt=email.attempts, outcome=outcome, at=clock())
    log.info(
        "email attempted",
        email_id=str(email.id),
        **_chain(email),
        template=email.template,
        outcome=outcome.kind,
        code=outcome.code,
        trouble=outcome.trouble,
        reason=outcome.reason or None,
    )
    return 1


def push_next(*, clock: Clock = now) -> int:
    """Push one delivery if one is due; how many attempts were made."""
    settings = current()
    with Transaction() as session:
        parcel = deliveries.claim(session, at=clock(), settings=settings)
    if parcel is None:
        return 0
    with traced("push delivery", **_chain(parcel)):
        answer = deliveries.send(parcel, at=now(), hold=partial(hold, parcel, clock))
        with Transaction() as session:
            deliveries.conclude(session, parcel, answer, at=clock())
    log.info(
        "delivery attempted",
        delivery_id=str(parcel.id),
        **_chain(parcel),
        attempt=parcel.attempt,
        answer=answer.code if isinstance(answer, deliveries.Arrived) else answer.error,
    )
    return 1


def hold(parcel: deliveries.Parcel, clock: Clock, record_ids: Sequence[str]) -> set[str]:
    """Those of these records that this delivery alone may make now."""
    to = {"subscription_id": parcel.subscription_id, "delivery_id": parcel.id}
    with Transaction() as session:
        return crm_holds.hold(session, **to, record_ids=record_ids, at=clock())


def compare_next(*, clock: Clock = now) -> int:
    """Compare the next part with a CRM if one is due; how many were tried."""
    with Transaction() as session:
        part = comparison_parts.claim(session, at=clock(), settings=current())
    if part is None:
        return 0
    found = comparison_parts.read(part)
    with Transaction() as session:
        comparison = comparison_parts.conclude(session, part, found, at=clock())
        if comparison is not None and comparison.step is None:
            _tell(comparison)
    return 1


def _tell(comparison: CrmComparison) -> None:
    kinds = ("missing", "extra", "differing", "doubled")
    log.info(
        "comparison ended",
        comparison_id=str(comparison.id),
        error=comparison.error,
        parties=comparison.parties_count,
        **{kind: getattr(comparison, f"{kind}_count") for kind in kinds},
    )


def repair_next(*, clock: Clock = now) -> int:
    """Queue the next deliveries of a repair; how much was done."""
    with Transaction() as session:
        return comparisons.repair_some(session, at=clock())


def _chain(sent: Email | deliveries.Parcel) -> dict[str, str]:
    """What began the chain that this belongs to, such as the gift, for the log; nothing when nothing did."""
    return {"correlation_id": str(sent.correlation_id)} if sent.correlation_id else {}
