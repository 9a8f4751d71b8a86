"""Pictures: a campaign's own, taken from staff, drawn anew, and served to everybody for as long as it stands.

Whoever has the address of a draft's picture sees it: 128 bits that only its content gives.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from flask_smorest.fields import Upload
from marshmallow import Schema, ValidationError, fields
from sqlalchemy import delete
from sqlalchemy.orm import Session

from services.giving import drafts
from services.giving.models import Campaign, CampaignPicture, Transaction
from shared import pictures
from shared.auth import caller
from shared.clock import now
from shared.db import lock
from shared.errors import NotFound
from shared.http import Blueprint, NotMultipart
from shared.pictures import Made, PictureRefused, PicturesBusy

routes = Blueprint("pictures", __name__, url_prefix="/api/v1/giving/campaigns")

BODY_MAX = pictures.FILE_MAX_BYTES + 64 * 1024
"""A file with its form."""
FOR_GOOD = "public, max-age=31536000, immutable"


def said(text: str) -> None:
    """Refuse nothing, and what is too long to be read out."""
    if not text.strip() or len(text) > drafts.ALT_MAX:
        raise ValidationError(f"In 1 to {drafts.ALT_MAX} characters.")


class PictureFile(Schema):
    """What is uploaded."""

    file = Upload(required=True, metadata={"description": "JPEG, PNG or WebP, of at most 8 MB"})


class PictureForm(Schema):
    """What can be seen on it, for who cannot see it."""

    alt_fr = fields.String(required=True, validate=said)
    alt_en = fields.String(required=True, validate=said)


@routes.put(
    "/<uuid:campaign_id>/picture",
    allow="giving.manage",
    body_max=BODY_MAX,
    refuses=(NotMultipart, PicturesBusy, *PictureRefused.__subclasses__()),
)
@routes.arguments(PictureFile, location="files")
@routes.arguments(PictureForm, location="form")
@routes.response(204)
def put(files: dict[str, Any], form: dict[str, str], campaign_id: UUID) -> None:
    """Give the campaign this picture, in two sizes; the one of before is gone."""
    made = pictures.made_anew(files["file"].stream)  # no transaction is open meanwhile
    alt = {"fr": form["alt_fr"].strip(), "en": form["alt_en"].strip()}
    with Transaction() as session:
        hang(session, campaign_id, made, alt=alt, by=caller().person_id, at=now())


@routes.delete("/<uuid:campaign_id>/picture", allow="giving.manage")
@routes.response(204)
def remove(campaign_id: UUID) -> None:
    """Take the picture away, from its address too; the drawn one shows again."""
    with Transaction() as session:
        take_down(session, campaign_id, by=caller().person_id, at=now())


@routes.get("/<uuid:campaign_id>/pictures/<digest>", allow="anyone")
@routes.response(
    200, {"type": "string", "format": "binary"}, content_type=pictures.KIND, description="The picture."
)
def show(campaign_id: UUID, digest: str) -> Response:
    """One size of a picture; what an address answers never changes."""
    with Transaction() as session:
        found = session.get(CampaignPicture, (campaign_id, digest))
        if found is None:
            raise NotFound
        answer = Response(found.content, content_type=pictures.KIND)
    answer.headers["Cache-Control"] = FOR_GOOD
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.set_etag(digest)
    return answer


def hang(
    session: Session,
    campaign_id: UUID,
    made: list[Made],
    *,
    alt: dict[str, str],
    by: UUID | None,
    at: datetime,
) -> Campaign:
    """Give a campaign its picture."""
    campaign = lock(session, Campaign, campaign_id)
    sizes = {each.digest: each for each in made}
    gone = CampaignPicture.digest.not_in(sizes)
    session.execute(delete(CampaignPicture).where(CampaignPicture.campaign_id == campaign_id, gone))
    for digest, each in sizes.items():
        kept = {"width": each.width, "height": each.height, "content": each.content, "created_at": at}
        session.merge(CampaignPicture(campaign_id=campaign_id, digest=digest, **kept))
    campaign.photo = [{"digest": d, "width": each.width, "height": each.height} for d, each in sizes.items()]
    campaign.picture_alt = alt
    drafts.note(session, "campaign.picture_set", campaign_id, by=by, at=at, fields=["picture", "picture_alt"])
    session.flush()
    return campaign


def take_down(session: Session, campaign_id: UUID, *, by: UUID | None, at: datetime) -> Campaign:
    """Take a campaign's picture away; a second time changes nothing."""
    campaign = lock(session, Campaign, campaign_id)
    if campaign.photo:
        session.execute(delete(CampaignPicture).where(CampaignPicture.campaign_id == campaign_id))
        campaign.photo = []
        drafts.note(session, "campaign.picture_removed", campaign_id, by=by, at=at, fields=["picture"])
        session.flush()
    return campaign
