"""The audit trail, as the directory writes it: about which row, under the key of this process."""

from sqlalchemy.orm import Session

from services.directory import settings
from services.directory.models import Base
from shared import audit


def note(session: Session, about: Base, *, by, action: str, at, **more) -> None:
    """One more row of the trail; `more` as in `shared.audit.record`."""
    kind = type(about).__name__.lower()
    key = settings.current().link_key
    audit.record(session, by=by, action=action, subject=(kind, about.id), at=at, key=key, **more)
