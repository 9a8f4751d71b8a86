"""What the pages of the console share: the menu, how many things wait, asking a service that may be silent,
the way on after a write, and what the office calls a service."""

import time
from dataclasses import dataclass
from typing import Any

from flask import current_app, g, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from web import clients, session
from web.clients import Problem, ServiceDown
from web.ui import notices

FRESH_S = 5.0
EMAILS_WAIT = ("failed", "unsure", "held")
"""The statuses of an email that stays until somebody decides."""


@dataclass(frozen=True)
class Entry:
    """One line of the menu; `letter` goes there after `g`."""

    name: str
    endpoint: str
    right: str
    letter: str
    waits: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the page being read belongs to this entry."""
        return (request.endpoint or "").startswith(self.endpoint.rpartition(".")[0] + ".")


def menu() -> list[tuple[str, list[Entry]]]:
    """The groups of the menu, without what this person has no right to."""
    groups = [
        ("", [Entry(_("Home"), "console.home.show", "", "h", "all")]),
        (
            _("Gifts"),
            [
                Entry(_("Campaigns"), "console.campaigns.listed", "giving.read", "c"),
                Entry(_("Gifts"), "console.gifts.listed", "giving.read", "d"),
                Entry(_("Refunds"), "console.refunds.desk", "giving.read", "b", "refunds"),
                Entry(_("Tax receipts"), "console.receipts.listed", "giving.read", "t"),
                Entry(_("Reconciliation"), "console.reconciliation.listed", "giving.read", "r", "findings"),
                Entry(_("Books"), "console.books.first", "giving.read", "k"),
            ],
        ),
        (
            _("Network"),
            [
                Entry(_("People"), "console.people.listed", "people.read", "p"),
                Entry(_("Events"), "console.events.listed", "events.read", "v"),
                Entry(_("Emails"), "console.emails.listed", "mailings.read", "e", "emails"),
            ],
        ),
        (
            _("Administration"),
            [
                Entry(_("Imports"), "console.imports.listed", "people.import", "i", "imports"),
                Entry(_("Connections"), "console.connections.listed", "integrations.manage", "x"),
                Entry("CRM", "console.conflicts.listed", "integrations.manage", "m", "conflicts"),
                Entry(_("System"), "console.system.show", "system.read", "s", "letters"),
            ],
        ),
    ]
    visitor = session.visitor()
    allowed = [
        (title, [e for e in entries if not e.right or visitor.may(e.right)]) for title, entries in groups
    ]
    return [(title, entries) for title, entries in allowed if entries]


def tried(ask, *args: Any, **params: Any) -> Any:
    """The answer, or None when the service is silent or refuses: a page shows what it has."""
    try:
        return ask(*args, **params)
    except (ServiceDown, Problem):
        return None


def then(text: str, endpoint: str, *, kind: str = "good", **values: Any) -> Response:
    """After a write: to the page of `endpoint`, which says what happened, with what waits counted anew."""
    current_app.extensions.pop("waiting", None)
    return notices.say(redirect(url_for(endpoint, **values), code=303), text, kind=kind)


def waiting() -> dict[str, int]:
    """How many things wait, by kind; kept a few seconds for each set of rights."""
    if "waiting" not in g:
        kept = current_app.extensions.setdefault("waiting", {})
        place = session.visitor().rights
        at, counts = kept.get(place, (0.0, {}))
        if time.monotonic() - at > FRESH_S:
            counts = _count()
            kept[place] = (time.monotonic(), counts)
        g.waiting = counts
    return g.waiting


def _count() -> dict[str, int]:
    may = session.visitor().may
    counts = dict.fromkeys(("findings", "refunds", *EMAILS_WAIT, "imports", "conflicts", "letters"), 0)
    if may("giving.read"):
        counts["findings"] = _length(tried(clients.giving().get, "/findings", limit=100))
        counts["refunds"] = _refunds()
    if may("mailings.read"):
        for status in EMAILS_WAIT:
            waits = {"status": status, "resent": "false"}
            counts[status] = _length(tried(clients.notify().get, "/emails", **waits, limit=100))
    if may("people.import"):
        found = tried(clients.directory().get, "/imports", limit=50) or {"items": []}
        counts["imports"] = sum(each["status"] == "checked" for each in found["items"])
    if may("integrations.manage"):
        counts["conflicts"] = _length(tried(clients.notify().get, "/conflicts", limit=100))
    if may("system.read"):
        counts["letters"] = sum(
            _length(tried(service.get, "/dead-letters", limit=100)) for service in clients.services().values()
        )
    emails = sum(counts[status] for status in EMAILS_WAIT)
    return counts | {"emails": emails, "all": sum(counts.values())}


def _refunds() -> int:
    """What somebody must decide or look after; refunds that the provider is asked about again do not wait."""
    get = clients.giving().get
    lists = [tried(get, "/refunds", standing=each, limit=100) for each in ("waiting", "failed")]
    lists += [tried(get, f"/{each}", limit=100) for each in ("surpluses", "disputes")]
    return sum(map(_length, lists))


def _length(answer: dict[str, Any] | None) -> int:
    return len(answer["items"]) if answer else 0


def service_name(service: str) -> str:
    """A service in the words of the office."""
    return {
        "giving": _("Gifts"),
        "notify": _("Emails"),
        "directory": _("Directory"),
        "events": _("Events"),
    }.get(service, service)
