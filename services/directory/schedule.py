"""What the directory does by the clock."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.directory import authenticators, cards, import_runs, sessions, sign_in_links
from services.directory.models import Transaction
from shared.jobs import every
from shared.messages import PersonCard
from shared.outbox import republishes_cards


@every(0.2)
def issue_links(at: datetime) -> int:
    """Issue the sign-in links that were asked for; somebody waits in front of a screen."""
    with Transaction() as session:
        return sign_in_links.issue_waiting(session, at=at)


@every(1)
def write_imports(at: datetime) -> int:
    """Write the next batch of a confirmed import; a fault of ours counts against it, an ill database not."""
    try:
        with Transaction() as session:
            return import_runs.write_some(session, at=at)
    except DBAPIError:
        raise
    except Exception as error:
        with Transaction() as session:
            import_runs.note_failure(session, error, at=at)
        raise


@every(3600)
def forget(at: datetime) -> int:
    """Delete ended sessions, old links, authenticators nobody confirmed and what old files said."""
    with Transaction() as session:
        authenticators.forget_unconfirmed(session, at=at)
        sessions.forget_old(session, at=at)
        sign_in_links.forget_old(session, at=at)
        import_runs.forget_old(session, at=at)
    return 0


@republishes_cards
def every_card(session: Session) -> Iterator[PersonCard]:
    """Each person's card anew, for a broker that was emptied."""
    return cards.all_cards(session)
