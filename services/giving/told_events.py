"""Told events: one event of the provider, read field by field as its handlers need it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from services.giving import gifts

SOON = timedelta(minutes=10)
"""What is heard within this is news; what comes later, sent again by hand after a restore say, is not."""


class EventUnreadable(ValueError):
    """A field that the provider always sends is missing or of another kind."""


class Told:
    """One event as handlers read it."""

    gift: gifts.Gift | None = None
    """The gift of the checkout that it names, when taking the event has locked it."""

    def __init__(self, event: dict[str, Any], *, account: str, at: datetime | None) -> None:
        self.account = account
        self.id, self.type = str(event["id"]), str(event["type"])
        self.object: dict[str, Any] = event["data"]["object"]
        self.happened_at = datetime.fromtimestamp(event["created"], UTC)
        self.at = at or self.happened_at

    @classmethod
    def heard(cls, event: dict[str, Any], *, account: str, at: datetime) -> Self:
        """An event as the provider posts it: dated by now, or as `late` when it comes late."""
        told = cls(event, account=account, at=at)
        return told if at - told.happened_at <= SOON else cls.late(event, account=account)

    @classmethod
    def late(cls, event: dict[str, Any], *, account: str) -> Self:
        """An event that we hear of long after: what it says is dated by when it happened.

        Whoever was told of it then, before a backup was restored say, is not told again as of something new.
        """
        return cls(event, account=account, at=None)

    def text(self, name: str) -> str:
        """A text of the object, or EventUnreadable."""
        return str(self._read(name, str))

    def whole(self, name: str) -> int:
        """A whole number of the object, or EventUnreadable."""
        return int(self._read(name, int))

    def mark(self, name: str) -> UUID | None:
        """The id of ours that the object carries under `name`; None when it is not one of ours."""
        try:
            return UUID(self.object["metadata"][name])
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def _read(self, name: str, kind: type) -> Any:
        value = self.object.get(name)
        if type(value) is not kind:
            raise EventUnreadable(name)
        return value
