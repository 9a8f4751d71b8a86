"""What the processes of events are told from outside."""

from dataclasses import dataclass, field

from shared.settings import Held, Settings


@dataclass(frozen=True, kw_only=True)
class EventsSettings(Settings):
    """Events also needs the keys that seal its messages and compare addresses."""

    message_key: str = field(repr=False)
    email_key: str = field(repr=False)


load, use, current = Held(EventsSettings, "events").doors()
