"""A campaign's own photo: chosen with what can be seen on it, changed, or taken away."""

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from web import clients, uploads
from web.clients import Problem, ServiceDown, segment
from web.console.imports import length
from web.console.shell import then
from web.ui.forms import Filled

routes = Blueprint("photos", __name__)

FILE_MAX_BYTES = 8 * 1024 * 1024
ALT_MAX = 300
DRAWN_WITHIN_S = 25


@routes.get("/<campaign_id>/picture")
def show(campaign_id: str):
    """The photo as it stands, and the form."""
    campaign = _found(campaign_id)
    said = {f"alt_{code}": campaign["picture_alt"].get(code, "") for code in ("fr", "en")}
    return _page(campaign, Filled(said))


@routes.post("/<campaign_id>/picture")
@uploads.takes_file("giving.manage")
def put(campaign_id: str):
    """Take the file, or the words alone where it stays."""
    campaign, form, file = _found(campaign_id), Filled(request.form), request.files.get("file")
    chosen = file if file and file.filename else None
    _read(form, campaign, chosen)
    if not form.is_good:
        return _page(campaign, form), 422
    try:
        _send(campaign, form, chosen)
    except Problem as problem:
        if problem.status not in {409, 413, 422}:
            raise
        _refuse(form, problem)
        return _page(campaign, form), 422
    except ServiceDown:
        form.alert = _("Nothing was saved: gifts do not answer. Choose the photo again in a minute.")
        return _page(campaign, form), 503
    return then(_("The photo is saved."), "console.campaigns.show", campaign_id=campaign["id"])


@routes.post("/<campaign_id>/picture/remove")
def remove(campaign_id: str):
    """Take the photo away; the drawn picture shows again."""
    clients.giving().delete(f"/campaigns/{segment(campaign_id)}/picture")
    said = _("The photo is gone, from its address too. The drawn picture shows again.")
    return then(said, "console.campaigns.show", campaign_id=campaign_id)


def _read(form: Filled, campaign: dict, chosen) -> None:
    if chosen is None and not campaign["pictures"]:
        form.refuse("file", _("Choose a photo first."))
    if chosen is not None and length(chosen.stream) > FILE_MAX_BYTES:
        form.refuse("file", _too_heavy())
    for code in ("fr", "en"):
        if not 0 < len(form.value(f"alt_{code}")) <= ALT_MAX:
            form.refuse(f"alt_{code}", _alt())


def _send(campaign: dict, form: Filled, chosen) -> None:
    alt = {code: form.value(f"alt_{code}") for code in ("fr", "en")}
    path = f"/campaigns/{segment(campaign['id'])}"
    if chosen is None:
        clients.giving().patch(path, {"picture_alt": alt})
        return
    clients.giving().call(
        "PUT",
        f"{path}/picture",
        files={"file": ("photo", chosen.stream, "application/octet-stream")},
        data={f"alt_{code}": words for code, words in alt.items()},
        timeout_s=DRAWN_WITHIN_S,
    )


def _refuse(form: Filled, problem: Problem) -> None:
    """What is wrong, beside the file or the words."""
    for name in problem.fields:
        form.refuse(name.replace("picture_alt.", "alt_"), _alt())
    known = {
        "picture_unreadable": _("This is no photo in JPEG, PNG or WebP, or it is damaged. Choose another."),
        "picture_animated": _("This picture moves. Choose a still one."),
        "picture_too_large": _("This photo has more than 25 million pixels. Choose a smaller copy of it."),
        "picture_too_small": _("This photo is too small to be sharp: it takes 640 by 320 pixels at least."),
        "body_too_large": _too_heavy(),
    }
    if not problem.fields:
        form.refuse("file", known.get(problem.code) or _("This photo could not be taken. Choose it again."))


def _too_heavy() -> str:
    return _("This photo is larger than 8 MB. Choose a smaller copy of it.")


def _alt() -> str:
    return _("Say what can be seen on the photo, in one sentence of 300 characters at most.")


def _found(campaign_id: str) -> dict:
    return clients.giving().get(f"/campaigns/{segment(campaign_id)}")


def _page(campaign: dict, form: Filled) -> str:
    limit = {"most_bytes": FILE_MAX_BYTES, "too_large": _too_heavy()}
    return render_template("console/campaign_photo.html", campaign=campaign, form=form, **limit)
