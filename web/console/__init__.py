"""The console: where staff run campaigns, look after people and see that everything arrives.

Every page asks the services with the staff member's own token, so the services have the last word on
rights; a page only hides what would be refused.
"""

from flask import Blueprint, abort, request

from web import session
from web.console import (
    accounts,
    book_accounts,
    books,
    campaigns,
    closings,
    conflicts,
    connections,
    contacts,
    drafts,
    emails,
    entities,
    events,
    gifts,
    home,
    imports,
    launches,
    payouts,
    people,
    photos,
    publications,
    receipt_settings,
    receipts,
    reconciliation,
    refunds,
    registrations,
    shell,
    system,
    times,
    totals,
    visits,
)

pages = Blueprint("console", __name__, url_prefix="/console", template_folder="templates")
pages.add_app_template_filter(times.clock)
pages.add_app_template_filter(shell.service_name)
pages.add_app_template_filter(times.is_fresh)
pages.add_app_template_filter(connections.host)
pages.add_app_template_filter(connections.kind, "connection_kind")
pages.add_app_template_filter(totals.gift_count)


@pages.before_request
def only_staff():
    """Staff only: others are led to sign in, and those without any right are told so."""
    session.require_answer()
    visitor = session.visitor()
    if visitor.person is None:
        return session.redirect_to_sign_in()
    if not visitor.is_staff:
        abort(403)
    return None


@pages.after_request
def keep_nothing(answer):
    """Nothing of the console stays in a browser's or a proxy's cache but when the person was here."""
    answer.headers["Cache-Control"] = "no-store"
    return visits.note(answer)


@pages.context_processor
def around():
    """What the shell needs on every page; fragments have no shell."""
    return {} if request.headers.get("HX-Request") else {"menu": shell.menu, "waiting": shell.waiting}


for part in (launches, photos):
    campaigns.routes.register_blueprint(part.routes)
for part in (drafts, publications, registrations):
    events.routes.register_blueprint(part.routes)
for part in (payouts, book_accounts, closings):
    books.routes.register_blueprint(part.routes)
GIFTS = (home, campaigns, gifts, receipts, receipt_settings, refunds, entities, reconciliation, books)
NETWORK = (people, contacts, accounts, events, emails)
for noun in (*GIFTS, *NETWORK, imports, conflicts, connections, system):
    pages.register_blueprint(noun.routes)
