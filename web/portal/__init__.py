"""The portal: for alumni and donors, mostly on a phone."""

from flask import Blueprint

from web.portal import account, authenticators, campaigns, gifts, home, passwords, sign_in
from web.ui import pictures

pages = Blueprint("portal", __name__, template_folder="templates")
for each in (home, campaigns, gifts, sign_in, account, passwords, authenticators):
    pages.register_blueprint(each.routes)


@pages.record_once
def teach(state):
    """What the portal's templates may call."""
    state.app.jinja_env.globals.update(after_tax=campaigns.after_tax, picture_file=pictures.file_of)
