"""My registrations: the seats of who is signed in."""

from typing import Any

from marshmallow import fields

from services.events import registrants
from services.events.bookings import token
from services.events.models import Registration, Transaction
from services.events.registration_links import RegistrationShown, seen, whole
from shared.auth import caller
from shared.clock import now
from shared.http import Blueprint
from shared.pages import PageQuery, page, paged

routes = Blueprint("my_registrations", __name__, url_prefix="/api/v1/events/my-registrations")


class MyRegistration(RegistrationShown):
    """Seats of mine; `link` opens their page."""

    link = fields.String(required=True)


@routes.get("", allow="signed_in")
@routes.arguments(PageQuery, location="query")
@routes.response(200, paged(MyRegistration))
def my_registrations(query: dict[str, Any]) -> Any:
    """My seats, those I took as a guest under my verified address too; the newest first."""
    person_id, at = caller().person_id, now()
    assert person_id is not None
    with Transaction() as session:
        own = whole().where(Registration.registrant_id.in_(registrants.rows_of(session, person_id)))
        found = page(session, own, keys=[Registration.id.desc()], **query)
        items = [seen(each, at=at) | {"link": token(each.id, each.link_version)} for each in found["items"]]
        return found | {"items": items}
