"""Notify, as web's tests need it."""

from datetime import UTC, datetime

from tests.web.fake_server import Answer, problem, refused_once
from tests.web.samples import EMAIL_ID, PERSON
from tests.web.samples import comparison as compared
from tests.web.samples import email as sample
from tests.web.samples import subscription as connected

ID = "([^/]+)"
READING = {"contact": "people.read", "contribution": "giving.read"}
READING |= dict.fromkeys(("participant", "event"), "events.read")
"""The right to read the values of a conflict or difference, by what they are about."""


def path_of_email(self, world, query, body, name):
    sent = {"at": datetime.now(UTC).isoformat(), "kind": "email_sent", "service": "notify"}
    sent |= {"title": {"fr": "Courriel envoyé", "en": "Email sent"}, "technical": {"email_id": EMAIL_ID}}
    sent |= {"state": None, "detail": None}
    return {"steps": [sent]}


def list_emails(self, world, query, body):
    """Those of a status; without the ones that were sent again, when that is asked."""
    again = {each["resend_of"] for each in world.emails} if query.get("resent") == ["false"] else set()
    asked = query.get("status", [None])[0]
    found = [each for each in world.emails if asked in {None, each["status"]} and each["id"] not in again]
    return {"items": found, "next": None}


def show_email(self, world, query, body, email_id):
    found = next(each for each in world.emails if each["id"] == email_id)
    more = {"message_id": EMAIL_ID, "header_id": f"<{email_id}@valmont.example>"}
    more |= {"has_calendar": found["template"].startswith("registration")}
    return found | more | {"html": "<p>Merci</p>", "text": "Merci", "occurred_at": found["created_at"]}


def resend(self, world, query, body, email_id):
    again = sample(status="queued", sent_at=None, resend_of=email_id)
    world.emails.insert(0, again)
    raise Answer(201, {name: again[name] for name in ("id", "status", "resend_of")})


def story(self, world, query, body, person_id):
    return {"items": [], "next": None}


def list_subscriptions(self, world, query, body):
    return {"items": world.subscriptions, "next": None}


def subscribe(self, world, query, body):
    """A CiviCRM has no secret; what the test has put there is refused."""
    refused_once(world)
    made = connected(url=body["url"], connector=body.get("connector", "webhooks"))
    world.subscriptions.insert(0, made)
    raise Answer(201, made | {"secret": None if made["connector"] == "civicrm" else "whsec_c2VjcmV0"})


def show_subscription(self, world, query, body, subscription_id):
    return next(each for each in world.subscriptions if each["id"] == subscription_id)


def prepare(self, world, query, body, subscription_id):
    refused_once(world)
    raise Answer(204)


def list_deliveries(self, world, query, body):
    def fits(each):
        return all(query.get(name, [each[name]])[0] == each[name] for name in ("subscription_id", "status"))

    return {"items": [each for each in world.deliveries if fits(each)], "next": None}


def list_conflicts(self, world, query, body):
    """The open ones unless told otherwise; values for those alone who may read what they are about."""
    wants_open = query.get("open") != ["false"]
    found = [each for each in world.conflicts if (each["decided_at"] is None) == wants_open]
    return {"items": [_as_read(each, self.rights(world)) for each in found], "next": None}


def decide(self, world, query, body, conflict_id):
    conflict = next(each for each in world.conflicts if each["id"] == conflict_id)
    if conflict["decision"] == body["keep"]:
        raise Answer(201, _as_read(conflict, self.rights(world)))
    if conflict["decided_at"] is not None:
        raise problem(409, "conflict_decided")
    conflict |= {"decision": body["keep"], "decided_at": datetime.now(UTC).isoformat()}
    conflict["decided_by"] = PERSON["id"]
    raise Answer(201, _as_read(conflict, self.rights(world)))


def undo(self, world, query, body, conflict_id):
    conflict = next(each for each in world.conflicts if each["id"] == conflict_id)
    if conflict["decision"] != "theirs":
        raise problem(409, "conflict_open")
    conflict |= {"decision": None, "decided_at": None, "decided_by": None}
    return _as_read(conflict, self.rights(world))


def _as_read(conflict, rights):
    return conflict if READING[conflict["entity"]] in rights else conflict | {"ours": None, "theirs": None}


def compare(self, world, query, body):
    """A comparison that runs is answered instead of a second one."""
    running = [each for each in world.comparisons if each["status"] == "running"]
    if not running:
        begun = {"status": "running", "step": "parties", "finished_at": None, "asked_by": PERSON["id"]}
        world.comparisons.insert(0, compared({"id": body["subscription_id"]}, **begun, parties_count=0))
    raise Answer(201, (running or world.comparisons)[0])


def list_comparisons(self, world, query, body):
    return {"items": world.comparisons, "next": None}


def show_comparison(self, world, query, body, comparison_id):
    return next(each for each in world.comparisons if each["id"] == comparison_id)


def list_differences(self, world, query, body, comparison_id):
    """Values are absent altogether for who may not read what they are about."""
    kind = query.get("kind", [None])[0]
    found = [dict(each) for each in world.differences if kind in {None, each["kind"]}]
    for each in found:
        if READING[each["entity"]] not in self.rights(world):
            del each["ours"], each["theirs"]
    return {"items": found, "next": None}


def repair(self, world, query, body, comparison_id):
    refused_once(world)
    done = show_comparison(self, world, query, body, comparison_id)
    done |= {"repair_asked_at": datetime.now(UTC).isoformat(), "repair_asked_by": PERSON["id"]}
    raise Answer(202, done)


N = "/api/v1/notify"
ROUTES = [
    ("GET", f"{N}/subscriptions", list_subscriptions),
    ("POST", f"{N}/subscriptions", subscribe),
    ("GET", f"{N}/subscriptions/{ID}", show_subscription),
    ("POST", f"{N}/subscriptions/{ID}/preparations", prepare),
    ("GET", f"{N}/deliveries", list_deliveries),
    ("POST", f"{N}/crm-comparisons", compare),
    ("GET", f"{N}/crm-comparisons", list_comparisons),
    ("GET", f"{N}/crm-comparisons/{ID}", show_comparison),
    ("GET", f"{N}/crm-comparisons/{ID}/differences", list_differences),
    ("POST", f"{N}/crm-comparisons/{ID}/repairs", repair),
    ("GET", f"{N}/conflicts", list_conflicts),
    ("POST", f"{N}/conflicts/{ID}/decisions", decide),
    ("DELETE", f"{N}/conflicts/{ID}/decisions", undo),
    ("GET", f"/api/v1/notify/timelines/{ID}", story),
    ("GET", f"/api/v1/notify/paths/{ID}", path_of_email),
    ("GET", "/api/v1/notify/emails", list_emails),
    ("GET", f"/api/v1/notify/emails/{ID}", show_email),
    ("POST", f"/api/v1/notify/emails/{ID}/resends", resend),
]
