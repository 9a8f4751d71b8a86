"""The portal: for alumni and donors, mostly on a phone."""

from flask import Blueprint

from shared.addresses import countries
from web.portal import (
    account,
    agenda,
    authenticators,
    campaigns,
    docs,
    event_pages,
    gifts,
    home,
    passwords,
    receipts,
    registrations,
    sign_in,
    widget,
)
from web.ui import pictures

pages = Blueprint("portal", __name__, template_folder="templates")
GIVING, EVENTS = (home, campaigns, widget, gifts, receipts), (agenda, event_pages, registrations)
for each in (*GIVING, *EVENTS, sign_in, account, passwords, authenticators, docs):
    pages.register_blueprint(each.routes)


@pages.record_once
def teach(state):
    """What the portal's templates may call."""
    known = {"after_tax": campaigns.after_tax, "picture_file": pictures.file_of, "countries": countries}
    state.app.jinja_env.globals.update(known)
