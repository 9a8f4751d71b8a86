"""Times to the millisecond, for the path of a gift."""

from datetime import datetime, timedelta

from flask_babel import gettext as _

from shared.clock import ZONE
from web.languages import language


def clock(when: str) -> str:
    """The time of day where the school is: 10:42:31,406."""
    then = datetime.fromisoformat(when).astimezone(ZONE)
    comma = "," if language() == "fr" else "."
    return f"{then:%H:%M:%S}{comma}{then.microsecond // 1000:03}"


def is_fresh(when: str) -> bool:
    """Whether it happened in the last seconds: such a row is tinted for a moment."""
    return datetime.now(ZONE) - datetime.fromisoformat(when) < timedelta(seconds=8)


def span(between: timedelta) -> str:
    """A length of time: 27 ms, 33 s, 5 min."""
    seconds = between.total_seconds()
    if seconds < 1:
        return _("%(n)s ms", n=round(seconds * 1000))
    if seconds < 120:
        return _("%(n)s s", n=round(seconds))
    if seconds < 7200:
        return _("%(n)s min", n=round(seconds / 60))
    return _("%(n)s h", n=round(seconds / 3600)) if seconds < 172800 else _("%(n)s days", n=between.days)
