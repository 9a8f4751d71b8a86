"""Samples of what the services tell: one of each kind, which a test changes as it needs."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PARIS = ZoneInfo("Europe/Paris")
EMAIL_ID = "0198f000-0000-7000-8000-00000000000e"
FUND_ID = "0198f000-0000-7000-8000-00000000000f"
STORY = {
    "fr": "Le fonds de bourses verse, pendant dix mois, de quoi tenir : le loyer, les livres,"
    " le billet de train pour rentrer.\n\nChaque dossier est étudié par deux personnes,"
    " et personne d'autre ne le lit.",
    "en": "For ten months the fund pays what it takes to hold on: the rent, the books, the train home."
    "\n\nTwo people study each request, and nobody else reads it.",
}


def campaign(slug="bourses-2026", **changes):
    """One campaign as giving tells it; its moments are those of its days, unless they are told."""
    today = datetime.now(PARIS).date()
    told = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, slug)),
        "slug": slug,
        "status": "live",
        "title": {
            "fr": "Personne ne devrait renoncer à ses études à cause d'un loyer",
            "en": "Nobody should give up studying because of a rent",
        },
        "summary": {
            "fr": "Une bourse de 400 € par mois, c'est une année sauvée. Avec vous, 30 étudiantes et"
            " étudiants de la promotion 2026 la recevront.",
            "en": "A grant of €400 a month saves a year."
            " With you, 30 students of the class of 2026 will have one.",
        },
        "story": STORY,
        "surplus_use": {
            "fr": "Si l'objectif est dépassé, le surplus finance les bourses de 2027.",
            "en": "Beyond the goal, the surplus pays for the grants of 2027.",
        },
        "goal_minor": 12_000_000,
        **dict.fromkeys(("goal_donors", "start_minor", "start_donors", "unit_minor", "units_promised"), 0),
        "unit_name": {"fr": "", "en": ""},
        "currency": "EUR",
        "raised_minor": 8_764_000,
        "donations_count": 430,
        "donors_count": 412,
        "starts_on": str(today - timedelta(days=54)),
        "ends_on": str(today + timedelta(days=37)),
        "time_zone": "Europe/Paris",
        "launched_at": (datetime.now(UTC) - timedelta(days=54)).isoformat(),
        "closed_at": None,
        "suggested_minor": [6000, 12000, 30000],
        "picture": "skyline",
        "pictures": [],
        "picture_alt": {"fr": "", "en": ""},
        "entity": {
            "id": str(uuid.uuid4()),
            "slug": "fondation",
            "name": "Fondation de l'université de Valmont",
            "can_issue_receipts": True,
        },
        "fund": {"id": FUND_ID, "name": "Fonds de bourses"},
        "tax": {"rate_percent": 66, "ceiling_percent": 20},
    } | changes
    moments = {"opens_at": midnight(told["starts_on"]), "closes_at": midnight(told["ends_on"], days=1)}
    return moments | told


def midnight(day, *, days=0):
    """When a day begins where the school is, or the one so many days after it."""
    return datetime.combine(date.fromisoformat(day) + timedelta(days), time(), PARIS).isoformat()


def my_gift(status, amount):
    """A gift in the list of mine."""
    now = datetime.now(UTC).isoformat()
    return {
        "id": str(uuid.uuid4()),
        "campaign": {key: campaign()[key] for key in ("id", "slug", "title")},
        "status": status,
        "amount_minor": amount,
        "refunded_minor": amount if status == "refunded" else 0,
        "disputed_minor": 0,
        "currency": "EUR",
        "created_at": now,
        "settled_at": now,
        "refunded_at": None,
        "link": "a.b",
    }


def wall():
    """Who gave lately, by their choice."""
    now = datetime.now(UTC)
    rows = [("Claire L.", 2009, None, 20), (None, 1998, None, 400), ("Thanh N.", 1998, 30000, 4000)]
    rows += [(None, None, None, 90000)]
    return [
        {"name": n, "class_year": y, "amount_minor": a, "at": (now - timedelta(seconds=s)).isoformat()}
        for n, y, a, s in rows
    ]


def record(**changes):
    """One gift as giving tells it to staff."""
    now, about = datetime.now(UTC), campaign()
    return {
        "id": str(uuid.uuid4()),
        "status": "settled",
        "standing": "received",
        "amount_minor": 12_000,
        "currency": "EUR",
        "campaign": {key: about[key] for key in ("id", "slug", "title")},
        "donor": {
            "party_id": str(uuid.uuid4()),
            "person_id": None,
            "given_name": "Hélène",
            "family_name": "D’Aubigné",
            "email": "helene@example.org",
            "class_year": None,
        },
        "created_at": (now - timedelta(minutes=3)).isoformat(),
        "settled_at": now.isoformat(),
        "failed_at": None,
        "refunded_at": None,
        "refunded_minor": 0,
        "disputed_minor": 0,
        "message": None,
        "appeal": None,
        "country": None,
        "locale": "fr",
        "failure": None,
        "fee_minor": 205,
        "net_minor": 11_795,
        "payment_id": "pi_1",
        "method": {"kind": "card", "brand": "visa", "last4": "4242"},
        "debit": None,
        "refunds": [],
        "disputes": [],
        "surpluses": [],
        "ledger": [],
        "checkouts": [],
        "wall": {"shows_name": False, "shows_amount": False},
    } | changes


def finding(**detail):
    """One difference between the books and the provider, as giving tells it."""
    return {
        "id": str(uuid.uuid4()),
        "account": "foundation",
        "kind": "charge_unknown",
        "reference": "ch_1",
        "donation_id": None,
        "detail": detail,
        "found_at": datetime.now(UTC).isoformat(),
        "resolved_at": None,
        "note": None,
    }


def email(**changes):
    """One email as notify tells it in a list."""
    now = datetime.now(UTC).isoformat()
    ids = {name: str(uuid.uuid4()) for name in ("id", "party_id", "correlation_id")}
    words = {"to_address": "helene@example.org", "to_name": "Hélène D’Aubigné", "subject": "Merci Hélène"}
    told = {"template": "gift_received", "locale": "fr", "status": "sent", "reason": None, "attempts": 1}
    told |= {"answer_code": 250, "created_at": now, "next_attempt_at": now, "sent_at": now, "resend_of": None}
    told["outdated"] = False
    return ids | words | told | changes


def subscription(**changes):
    """One tool that is told, as notify tells it."""
    told = {"id": str(uuid.uuid4()), "url": "https://crm.valmont.example", "connector": "civicrm"}
    told |= {"types": ["party.changed", "party.erased"], "active": True, "rests_until": None}
    return told | {"created_at": datetime.now(UTC).isoformat()} | changes


def delivery(of, **changes):
    """One change on its way to the subscription `of`, as notify tells it."""
    now = datetime.now(UTC).isoformat()
    told = {"id": str(uuid.uuid4()), "subscription_id": of["id"], "party_id": PERSON["id"]}
    told |= {"correlation_id": None, "cause": "donation.settled", "status": "delivered", "attempts": 1}
    told |= {"answer_code": 200, "error": None, "created_at": now, "next_attempt_at": now}
    return told | {"delivered_at": now, "covered_by": None} | changes


def conflict(of, **changes):
    """One field that somebody changed in the CRM `of`, as notify tells it."""
    told = {"id": str(uuid.uuid4()), "subscription_id": of["id"], "party_id": PERSON["id"]}
    told |= {
        "entity": "contact",
        "record": "contact",
        "field": "first_name",
        "ours": "Claire",
        "theirs": "Clarisse",
    }
    told |= {"found_at": (datetime.now(UTC) - timedelta(hours=3)).isoformat()}
    return told | {"decision": None, "decided_at": None, "decided_by": None} | changes


def comparison(of, **changes):
    """One comparison with the CRM `of` that found something, as notify tells it."""
    at = datetime.now(UTC) - timedelta(hours=7)
    told = {"id": str(uuid.uuid4()), "subscription_id": of["id"], "status": "finished", "step": None}
    told |= {"started_at": at.isoformat(), "asked_by": None, "failed_at": None, "error": None}
    told |= {"finished_at": (at + timedelta(minutes=4)).isoformat(), "parties_total": 6438}
    told |= {"parties_count": 6438, "contacts_count": 6436, "contributions_count": 9120}
    told |= {"participants_count": 311, "under_way_count": 1, "in_conflict_count": 2, "missing_count": 1}
    told |= {"extra_count": 1, "differing_count": 1, "doubled_count": 1, "repair_asked_at": None}
    return told | {"repair_asked_by": None, "repaired_parties_count": 0} | changes


def differences():
    """A difference of each kind, as notify tells them to who may read people."""
    at = datetime.now(UTC).isoformat()
    one = {"party_id": PERSON["id"], "field": None, "ours": None, "theirs": None, "found_at": at}
    gift = {"kind": "missing", "entity": "contribution", "record_id": str(uuid.uuid4()), "crm_id": None}
    name = {"kind": "differing", "entity": "contact", "record_id": PERSON["id"], "crm_id": 4512}
    name |= {"field": "last_name", "ours": "Lemoine", "theirs": "Lemoyne"}
    stray = {"kind": "extra", "entity": "contact", "record_id": str(uuid.uuid4()), "crm_id": 4601}
    told = [gift | {"repairable": True}, name | {"repairable": True}, stray | {"party_id": None}]
    dinner = {"kind": "doubled", "entity": "event", "record_id": str(uuid.uuid4()), "crm_id": 77}
    told.append(dinner)
    return [{"id": str(uuid.uuid4()), "repairable": False} | one | each for each in told]


def imported(**changes):
    """One import as the directory tells it, with a refused row."""
    told = {"id": str(uuid.uuid4()), "status": "checked", "filename": "scolarite.csv", "encoding": "utf-8"}
    told |= {"delimiter": ";", "columns": {}, "ignored": [], "rows": 3, "people": 2, "done": 0}
    told |= {"counts": {"created": 2, "updated": 0, "unchanged": 0, "refused": 1}, "emails_withheld": 0}
    told |= {"checked_at": datetime.now(UTC).isoformat(), "checked_by": None}
    told |= dict.fromkeys(("confirmed_at", "confirmed_by", "discarded_at", "discarded_by"))
    told |= dict.fromkeys(("completed_at", "failed_at"))
    words = {"fr": "Le prénom est vide.", "en": "The first name is empty."}
    refused = {"row": 4, "reason": "given_name_missing", "text": words}
    refused |= {"school_id": "72100009", "name": "Petit"}
    return told | {"refusals": [refused]} | changes


PERSON = {
    "id": "0198f000-0000-7000-8000-000000000001",
    "given_name": "Claire",
    "family_name": "Lemoine",
    "locale": "fr",
    "class_year": 2009,
}


def event(slug="retrouvailles", **changes):
    """One event as the service of events tells it."""
    starts = (datetime.now(PARIS) + timedelta(days=20)).replace(hour=18, minute=30, second=0, microsecond=0)
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"event {slug}")),
        "slug": slug,
        "status": "published",
        "is_over": False,
        "is_open": True,
        "title": {"fr": "Retrouvailles à la bibliothèque", "en": "Reunion at the library"},
        "summary": {
            "fr": "Une soirée entre les rayons, avec celles et ceux de votre promotion.",
            "en": "An evening among the shelves, with your class.",
        },
        "description": STORY,
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=3)).isoformat(),
        "time_zone": "Europe/Paris",
        "place": "Bibliothèque, 3 rue des Carmes, Valmont",
        "is_online": False,
        "organiser": "Bureau des anciens",
        "visibility": "public",
        "seats_max": 80,
        "seats_taken": 73,
        "seats_left": 7,
        "registration_closes_at": (starts - timedelta(days=1)).isoformat(),
        "withdraw_until": starts.isoformat(),
        "per_registration_max": 4,
        "picture": "library",
        "published_at": datetime.now(UTC).isoformat(),
        "rescheduled_at": None,
        "cancelled_at": None,
        "cancel_reason": None,
        "revision": 0,
    } | changes


def refund(**changes):
    """A refund as giving tells it to staff."""
    return {
        "id": str(uuid.uuid4()),
        "donation_id": str(uuid.uuid4()),
        "surplus_id": None,
        "status": "completed",
        "amount_minor": 12_000,
        "currency": "EUR",
        "reason": "error",
        "note": "Deux fois",
        "requested_at": "2026-03-03T09:00:00+00:00",
        "requested_by": str(uuid.uuid4()),
        **dict.fromkeys(("approved_at", "approved_by", "returned_at", "failed_at", "failure")),
        **dict.fromkeys(("rejected_by", "rejection")),
        "completed_at": None,
    } | changes


def on_desk(**changes):
    """A refund with its gift, as the desk is told it."""
    made = refund(**changes)
    gift = record(id=made["donation_id"])
    return made | {"donation": {name: gift[name] for name in ("id", "campaign", "donor")}}


def dispute(**changes):
    """A dispute as giving tells it to staff."""
    return {
        "id": str(uuid.uuid4()),
        "donation_id": str(uuid.uuid4()),
        "surplus_id": None,
        "status": "opened",
        "provider_dispute_id": "du_1",
        "amount_minor": 12_000,
        "withdrawn_minor": 12_000,
        "fee_minor": 2000,
        "currency": "EUR",
        "reason": "fraudulent",
        "opened_at": "2026-03-03T09:00:00+00:00",
        "answer_by": "2026-03-12T09:00:00+00:00",
        "won_at": None,
        "lost_at": None,
    } | changes


def surplus(**changes):
    """A second payment of a gift as giving tells it to staff."""
    return {
        "id": str(uuid.uuid4()),
        "donation_id": str(uuid.uuid4()),
        "payment_id": "pi_2",
        "amount_minor": 12_000,
        "left_minor": 12_000,
        "currency": "EUR",
        "paid_at": "2026-03-03T09:00:00+00:00",
    } | changes


RECEIPT = {
    "id": "0199c1d0-0000-7000-8000-000000000001",
    "number": "FUV-2026-000042",
    "article": "200",
    "amount_minor": 12_000,
    "currency": "EUR",
    "first_on": "2026-11-23",
    "last_on": "2026-11-23",
    "issued_at": "2026-11-23T10:00:00+00:00",
    "voided_at": None,
    "void_reason": None,
    "void_note": None,
    "entity_id": "0199c1d0-0000-7000-8000-000000000002",
    "made_out_to": "Claire Lemoine",
    "replaces_id": None,
    "donation_ids": ["0199c1d0-0000-7000-8000-000000000003"],
}


def entity(id, **changes):
    """A legal entity as giving tells it to staff."""
    return {
        "id": id,
        "slug": "fondation",
        "name": "Fondation de Valmont",
        "can_issue_receipts": True,
        "refund_alone_minor": 50_000,
        "creditor_id": None,
    } | changes
