"""The widget: how far a campaign is and a button to give, for the pages of others to frame.

The only page of ours that may stand inside another. It holds nothing of anybody, sets no cookie and needs no
script; in whose language it speaks, and by which appeal who gives came, its address says.
"""

from hashlib import sha256
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, g, render_template, request

from shared import appeals
from shared.i18n import LOCALES
from web import guard, languages
from web.portal import campaigns

routes = Blueprint("widget", __name__, url_prefix="/widget")

APPEAL = "widget"


@routes.get("/<slug>")
@languages.by_address
def show(slug):
    """The widget of a public campaign, in the language asked for, else in French."""
    g.language = request.args.get("lang") if request.args.get("lang") in LOCALES else LOCALES[0]
    campaign = campaigns.find(slug)
    guard.let_others_frame()
    body = render_template(
        "portal/widget.html", campaign=campaign, to=_address(campaign), **campaigns.moving(campaign)
    )
    answer = Response(body, mimetype="text/html")
    answer.headers["Cache-Control"] = "public, max-age=5"
    return answer


@routes.get("/<slug>/now/<locale>")
def now(slug, locale):
    """What moves in the widget: asked again every 5 s by who runs its script."""
    if locale not in LOCALES:
        abort(404)
    g.language = locale
    campaign = campaigns.find(slug)
    body = render_template("portal/_total.html", campaign=campaign, **campaigns.moving(campaign))
    answer = Response(body, mimetype="text/html")
    answer.set_etag(sha256(answer.get_data()).hexdigest()[:16])
    answer.headers["Cache-Control"] = "public, max-age=1"
    return answer.make_conditional(request)


def _address(campaign):
    """Where the button leads: the campaign's page, with the appeal by which people came."""
    code = appeals.code(request.args.get("appeal")) or APPEAL
    return f"/campaigns/{campaign['slug']}?{urlencode({'lang': g.language, 'appeal': code})}"
