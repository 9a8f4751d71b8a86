"""The path of one registration, through every service of a running stack, as guest, member and staff."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from tests.support import civicrm
from tests.support.donor import Donor, eventually, mailbox, received
from tests.support.stack import RunningStack
from tests.support.staff import ALUMNI_EMAIL, Signed, sign_in_alumna, sign_in_staff

pytestmark = pytest.mark.stack

STARTS_AT = datetime(2031, 6, 12, 17, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def staff(stack: RunningStack) -> Signed:
    return sign_in_staff(stack)


@dataclass
class Evening:
    """An event of three seats, as its organiser and its guests see it."""

    stack: RunningStack
    staff: Signed
    slug: str
    id: str = ""

    def decide(self, noun: str, **wish: Any) -> dict[str, Any]:
        """A decision of staff: publications, reschedulings, cancellations."""
        return self._post(f"/events/events/{self.id}/{noun}", wish)

    def draft(self) -> "Evening":
        words = {"fr": "Dîner des trois", "en": "Dinner for three"}
        schedule = {
            "starts_at": STARTS_AT.isoformat(),
            "ends_at": (STARTS_AT + timedelta(hours=3)).isoformat(),
        }
        wish = {
            "slug": self.slug, "title": words, "summary": words, "description": words,
            "place": "Maison des anciens", "organiser": "Amicale", "visibility": "public", "seats_max": 3,
            **schedule,
        }  # fmt: skip
        self.id = self._post("/events/events", wish)["id"]
        return self

    def _post(self, path: str, wish: dict[str, Any]) -> dict[str, Any]:
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self.staff.ask("POST", path, json=wish, headers=key)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    @property
    def seats_left(self) -> int:
        found = httpx.get(f"{self.stack.url}/api/v1/events/events/{self.slug}/seats")
        return int(found.raise_for_status().json()["seats_left"])


@pytest.fixture
def evening(stack: RunningStack, staff: Signed) -> Evening:
    made = Evening(stack, staff, f"diner-{uuid.uuid4().hex[:8]}").draft()
    made.decide("publications")
    return made


def register(guest: Donor, evening: Evening, *companions: tuple[str, str]) -> httpx.Response:
    wish = {
        "event_id": evening.id,
        "given_name": guest.given_name,
        "family_name": guest.family_name,
        "email": guest.email,
        "locale": guest.locale,
        "companions": [{"given_name": given, "family_name": family} for given, family in companions],
    }
    key = {"Idempotency-Key": str(uuid.uuid4())}
    return guest.http.post(f"{guest.api}/events/registrations", json=wish, headers=key)


def arrived(stack: RunningStack, address: str, reference: str, count: int) -> list[dict[str, Any]]:
    """The emails about one registration, the oldest first, once there are so many."""

    def there() -> list[dict[str, Any]] | None:
        found = [each for each in mailbox(stack, address) if reference in each["text"]]
        return found[::-1] if len(found) >= count else None

    return eventually(there, within_s=30)


def calendar_of(stack: RunningStack, email: dict[str, Any]) -> tuple[str, Any]:
    """What the email's calendar file asks, and the event in it, as a calendar library reads them."""
    raw = httpx.get(f"{stack.inside('sandbox')}/sandbox/mailbox/{email['seq']}/raw").content
    (file,) = message_from_bytes(raw, policy=policy.default).iter_attachments()
    calendar = Calendar.from_ical(file.get_payload(decode=True))
    (event,) = calendar.walk("VEVENT")
    return str(calendar["METHOD"]), event


def contact_of(stack: RunningStack, email: str) -> dict[str, Any] | None:
    """What the partner knows of who has that address."""
    return next((each for each in received(stack)["contacts"].values() if each.get("email") == email), None)


def participant_of(stack: RunningStack, registration_id: str, *, status: str) -> dict[str, Any]:
    """The participant that the CRM holds for a registration, once it has that status."""

    def there() -> dict[str, Any] | None:
        found = civicrm.call(
            stack.inside("sandbox"),
            stack.secret("crm_api_key"),
            "Participant",
            "get",
            select=["source", "status_id:name", "event_id.title", "contact_id.external_identifier"],
            where=[["Amicale_registration.registration_id", "=", registration_id]],
        )
        assert len(found) <= 1
        return found[0] if found and found[0]["status_id:name"] == status else None

    return eventually(there, within_s=30, every_s=0.2)


def test_a_guests_seats_reach_mailbox_calendar_and_partner_and_move_with_the_event(
    stack: RunningStack, staff: Signed, evening: Evening
) -> None:
    guest = Donor(stack)
    made = register(guest, evening, ("Anaïs", "Lœuf")).json()
    assert (made["status"], made["seats"], evening.seats_left) == ("confirmed", 2, 1)

    (confirmation,) = arrived(stack, guest.email, made["id"], 1)
    method, first = calendar_of(stack, confirmation)
    assert (method, first.decoded("DTSTART")) == ("PUBLISH", STARTS_AT)
    assert "Anaïs Lœuf" in confirmation["text"] and f"/l/registration/{made['link']}" in confirmation["text"]

    def told() -> list[dict[str, Any]] | None:
        found = contact_of(stack, guest.email)
        return found["registrations"] if found else None

    (known,) = eventually(told, within_s=20)
    assert (known["registration_id"], known["status"], known["seats"]) == (made["id"], "confirmed", 2)
    there = participant_of(stack, made["id"], status="Registered")
    contact = contact_of(stack, guest.email) or {}
    assert there["contact_id.external_identifier"] == contact["party_id"]
    assert there["event_id.title"] == "Dîner des trois"

    later = STARTS_AT + timedelta(days=7)
    evening.decide(
        "reschedulings",
        starts_at=later.isoformat(),
        ends_at=(later + timedelta(hours=3)).isoformat(),
        place="Salle des fêtes",
    )
    _, change = arrived(stack, guest.email, made["id"], 2)
    _, moved = calendar_of(stack, change)
    assert moved["UID"] == first["UID"] and moved["SEQUENCE"] > first["SEQUENCE"]
    assert moved.decoded("DTSTART") == later and moved["LOCATION"] == "Salle des fêtes"

    evening.decide("cancellations", reason={"fr": "La salle est inondée.", "en": "The hall is flooded."})
    *_, end = arrived(stack, guest.email, made["id"], 3)
    method, _ = calendar_of(stack, end)
    assert method == "CANCEL" and "La salle est inondée." in end["text"]
    participant_of(stack, made["id"], status="Cancelled")


def test_a_members_seat_is_in_their_story_and_free_again_when_given_back(
    stack: RunningStack, staff: Signed, evening: Evening
) -> None:
    alumna, guest = sign_in_alumna(stack), Donor(stack)
    assert register(guest, evening, ("Marc", "Petit")).status_code == 201
    key = {"Idempotency-Key": str(uuid.uuid4())}
    made = alumna.ask("POST", "/events/registrations", json={"event_id": evening.id}, headers=key).json()
    assert evening.seats_left == 0

    refused = register(Donor(stack), evening)
    assert (refused.status_code, refused.json()["code"]) == (409, "sold_out")
    arrived(stack, ALUMNI_EMAIL, made["id"], 1)

    def story() -> list[dict[str, Any]] | None:
        lines = staff.get(f"/notify/timelines/{alumna.person['id']}")["items"]
        mine = [each for each in lines if each["ref"] == made["id"]]
        return mine if any(each["kind"] == "registered" for each in mine) else None

    assert "Dîner des trois" in eventually(story, within_s=20)[0]["text"]["fr"]
    mine = alumna.get("/events/my-registrations")["items"]
    assert made["id"] in [each["id"] for each in mine]
    there = participant_of(stack, made["id"], status="Registered")
    assert there["contact_id.external_identifier"] == alumna.person["id"]

    where = f"{stack.url}/api/v1/events/registration-links/{made['link']}/withdrawals"
    assert httpx.post(where).json()["status"] == "cancelled"
    assert evening.seats_left == 1
    _, end = arrived(stack, ALUMNI_EMAIL, made["id"], 2)
    assert calendar_of(stack, end)[0] == "CANCEL"
    assert register(Donor(stack), evening).status_code == 201
    participant_of(stack, made["id"], status="Cancelled")


def test_the_path_of_a_registration_tells_each_step(
    stack: RunningStack, staff: Signed, evening: Evening
) -> None:
    guest = Donor(stack)
    made = register(guest, evening).json()
    arrived(stack, guest.email, made["id"], 1)

    def kinds() -> set[str] | None:
        steps = [
            step["kind"]
            for service in ("events", "notify")
            for step in staff.get(f"/{service}/paths/{made['id']}")["steps"]
        ]
        return set(steps) if {"email_sent", "crm_delivered", "published", "heard"} <= set(steps) else None

    assert eventually(kinds, within_s=20)
