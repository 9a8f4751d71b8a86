"""Notify, as web's tests need it."""

from datetime import UTC, datetime

from tests.web.fake_server import Answer
from tests.web.samples import EMAIL_ID
from tests.web.samples import email as sample

ID = "([^/]+)"


def path_of_email(self, world, query, body, name):
    sent = {"at": datetime.now(UTC).isoformat(), "kind": "email_sent", "service": "notify"}
    sent |= {"title": {"fr": "Courriel envoyé", "en": "Email sent"}, "technical": {"email_id": EMAIL_ID}}
    return {"steps": [sent]}


def list_emails(self, world, query, body):
    """Those of a status; without the ones that were sent again, when that is asked."""
    again = {each["resend_of"] for each in world.emails} if query.get("resent") == ["false"] else set()
    asked = query.get("status", [None])[0]
    found = [each for each in world.emails if asked in {None, each["status"]} and each["id"] not in again]
    return {"items": found, "next": None}


def show_email(self, world, query, body, email_id):
    found = next(each for each in world.emails if each["id"] == email_id)
    return found | {"html": "<p>Merci</p>", "text": "Merci"}


def resend(self, world, query, body, email_id):
    again = sample(status="queued", sent_at=None, resend_of=email_id)
    world.emails.insert(0, again)
    raise Answer(201, {name: again[name] for name in ("id", "status", "resend_of")})


def story(self, world, query, body, person_id):
    return {"items": [], "next": None}


ROUTES = [
    ("GET", f"/api/v1/notify/timelines/{ID}", story),
    ("GET", f"/api/v1/notify/paths/{ID}", path_of_email),
    ("GET", "/api/v1/notify/emails", list_emails),
    ("GET", f"/api/v1/notify/emails/{ID}", show_email),
    ("POST", f"/api/v1/notify/emails/{ID}/resends", resend),
]
