"""Giving, as web's tests need it."""

import time
import uuid
from datetime import UTC, datetime, timedelta

from tests.web import samples
from tests.web.fake_server import Answer, problem, refused_once
from tests.web.samples import PARIS, RECEIPT, campaign

G, ID = "/api/v1/giving", "([^/]+)"
GOALS = ("goal_minor", "goal_donors", "start_minor", "start_donors")
SUMS = (*GOALS, "raised_minor", "currency", "donations_count", "donors_count")


def list_campaigns(self, world, query, body):
    wanted = query.get("status", ["draft", "live", "closed"])
    return {"items": [each for each in world.campaigns if each["status"] in wanted], "next": None}


def find(world, name):
    for each in world.campaigns:
        if name in (each["slug"], each["id"]):
            return each
    raise problem(404, "campaign_not_found")


def show_campaign(self, world, query, body, name):
    found = find(world, name)
    if found["status"] == "draft" and "giving.read" not in self.rights(world):
        raise problem(404, "campaign_not_found")
    return found


def decide(self, world, query, body, name, decision):
    """A launch, a closure, a reopening; each refused while the world has a problem with it."""
    refused_once(world)
    found, now = find(world, name), datetime.now(UTC).isoformat()
    found |= {
        "launches": {"status": "live", "launched_at": now},
        "closures": {"status": "closed", "closed_at": now},
        "reopenings": {"status": "live", "closed_at": None},
    }[decision]
    raise Answer(201, found)


def create_campaign(self, world, query, body):
    refused_once(world)
    new = {"status": "draft", "launched_at": None, "raised_minor": 0, "donations_count": 0, "donors_count": 0}
    world.campaigns.append(written(campaign(body["slug"], **new), body))
    raise Answer(201, only_written(world.campaigns[-1]))


def change_campaign(self, world, query, body, name):
    refused_once(world)
    found = find(world, name)
    changed = written(found, body)
    world.campaigns = [each for each in world.campaigns if each is not found] + [changed]
    return only_written(changed)


def put_picture(self, world, query, body, name):
    refused_once(world)
    url = f"{G}/campaigns/{name}/pictures/"
    sizes = [("a" * 32, 640, 360), ("b" * 32, 1280, 720)]
    found = find(world, name)
    found["pictures"] = [{"url": url + d, "width": w, "height": h} for d, w, h in sizes]
    found["picture_alt"] = {"fr": "des étudiants sous un arbre", "en": "students under a tree"}
    raise Answer(204)


def remove_picture(self, world, query, body, name):
    find(world, name)["pictures"] = []
    raise Answer(204)


def only_written(found):
    """What who writes a campaign is answered."""
    return {name: found[name] for name in ("id", "status")}


def written(found, wish):
    """The campaign with what was wished; a fund is wished by its id, and shown with its name."""
    told = {name: value for name, value in wish.items() if name != "fund_id"}
    fund = {"fund": found["fund"] | {"id": wish["fund_id"]}} if "fund_id" in wish else {}
    return found | told | fund


def funds(self, world, query, body):
    each = campaign()
    return {"items": [each["fund"] | {"entity": each["entity"]}], "next": None}


def dashboard(self, world, query, body, name):
    found = find(world, name)
    return {each: found[each] for each in SUMS} | {
        "campaign": found,
        "first_time_donors_count": 0,
        "median_minor": None,
        "mean_per_donor_minor": None,
        "expected_minor": 7_000_000 if found["status"] == "live" else None,
        "curve": [],
        "participation": [],
        "latest": [],
    }


def total(self, world, query, body, name):
    found = find(world, name)
    return {each: found[each] for each in SUMS} | {"latest_at": None}


def show_wall(self, world, query, body, name):
    find(world, name)
    return {"items": world.wall}


def donate(self, world, query, body):
    key = self.headers.get("Idempotency-Key")
    refused_once(world)
    if not key:
        raise problem(400, "key_missing")
    if key in world.by_key:
        wish, found = world.by_key[key]
        if same(wish) != same(body):
            raise problem(422, "key_reused")
        if world.claims.get(key, 0) > time.monotonic():
            raise problem(409, "busy", Retry_After=1)
        return found
    if "email" in body and body["email"].endswith("@nowhere.invalid"):
        raise problem(422, "invalid", {"json": {"email": ["Not a valid email address."]}})
    link = f"{uuid.uuid4()}.abcdefghijklmnopqrstuv"
    found = {
        "id": str(uuid.uuid4()),
        "status": "pending",
        "amount_minor": body["amount_minor"],
        "currency": body["currency"],
        "campaign_id": body["campaign_id"],
        "link": link,
        "checkout_url": f"{world.public_url}/sandbox/pay/{link}",
    }
    world.by_key[key] = (body, found)
    world.donations[link] = found | {"wall": {"shows_name": False, "shows_amount": False}}
    raise Answer(201, found)


def same(wish):
    """As giving compares wishes: the page's language and the case of who gives may differ."""
    return {name: str(value).casefold() for name, value in wish.items() if name != "locale"}


def gift(self, world, query, body, link):
    found = world.donations.get(link)
    if not found:
        raise problem(404, "link_not_found")
    about = find(world, found["campaign_id"])
    kept = {key: found[key] for key in ("id", "status", "amount_minor", "currency", "wall")}
    kept |= {key: found.get(key, 0) for key in ("refunded_minor", "disputed_minor")}
    return kept | {
        "campaign": {k: about[k] for k in ("id", "slug", "title")},
        "entity_name": about["entity"]["name"],
        "created_at": found.get("created_at", datetime.now(UTC).isoformat()),
        "declined_at": found.get("declined_at"),
        "processing_at": found.get("processing_at"),
        "debit": found.get("debit"),
        "settled_at": None,
        "receipt_expected": about["entity"]["can_issue_receipts"],
        "receipts": [],
        "receipt_waits_for": found.get("receipt_waits_for"),
        "can_retry": found["status"] in {"pending", "failed"},
    }


def put_wall(self, world, query, body, link):
    world.donations[link]["wall"] = body
    return gift(self, world, query, None, link)


def retry(self, world, query, body, link):
    raise Answer(201, {"checkout_url": f"{world.public_url}/sandbox/pay/{link}"})


def activity(self, world, query, body):
    world.since.append(query["since"][0])
    sums = {"gifts_count": 3, "gifts_minor": 15_000, "refunds_count": 1, "refunds_minor": 5000}
    sums |= {"disputes_count": 0, "disputes_minor": 0}
    return sums | {"declined_count": 0, "currency": "EUR"}


def month(self, world, query, body):
    today = datetime.now(PARIS).date()
    day = {"on": str(today), "day_minor": 15_000, "raised_minor": 15_000}
    return {
        "currency": "EUR",
        "first": str(today.replace(day=1)),
        "last": str(today + timedelta(days=1)),
        "raised_minor": 15_000,
        "previous_minor": 9000,
        "curve": [day],
    }


def findings(self, world, query, body):
    return {"items": world.findings, "next": None}


def my_gifts(self, world, query, body):
    self.session(world)
    return {"items": world.my_gifts, "next": None}


def refunds(self, world, query, body):
    standing = query["standing"][0]
    statuses = {"failed": ("failed", "returned")}.get(standing, (standing,))
    return {"items": [each for each in world.refunds if each["status"] in statuses], "next": None}


def surpluses(self, world, query, body):
    return {"items": world.surpluses, "next": None}


def disputes(self, world, query, body):
    return {"items": world.disputes, "next": None}


def decide_refund(self, world, query, body, donation_id, refund_id, what):
    self.session(world)
    world.decided.append((refund_id, what, body))
    if world.refusal:
        raise problem(*world.refusal)
    raise Answer(201, samples.refund(id=refund_id))


def refund_surplus(self, world, query, body, surplus_id):
    return decide_refund(self, world, query, body, None, surplus_id, "refunds")


def refund_gift(self, world, query, body, donation_id):
    self.session(world)
    world.decided.append((donation_id, "refunds", body))
    if world.refusal:
        raise problem(*world.refusal)
    waits = body.get("amount_minor", 0) > 50_000
    raise Answer(201, samples.refund(status="waiting" if waits else "completed"))


PAID = ("received", "awaiting", "refunded", "disputed")


def found_records(world, query):
    asked, party = query.get("standing", ["given"])[0], query.get("party_id", [None])[0]
    for each in world.records:
        shown = {"given": each["standing"] in PAID, "unpaid": each["standing"] not in PAID, "any": True}
        if shown.get(asked, each["standing"] == asked) and party in {None, each["donor"]["party_id"]}:
            yield each


def list_records(self, world, query, body):
    self.session(world)
    listed = ("id", "status", "standing", "amount_minor", "currency", "campaign", "donor", "created_at")
    listed += ("settled_at", "failed_at", "refunded_at", "refunded_minor", "disputed_minor")
    found = [{name: each[name] for name in listed} for each in found_records(world, query)]
    return {"items": found, "next": None}


def count_records(self, world, query, body):
    self.session(world)
    lines = {}
    for each in found_records(world, query):
        empty = {"standing": each["standing"], "currency": "EUR", "count": 0}
        empty |= dict.fromkeys(("amount_minor", "refunded_minor", "disputed_minor"), 0)
        line = lines.setdefault(each["standing"], empty)
        line["count"] += 1
        for name in ("amount_minor", "refunded_minor", "disputed_minor"):
            line[name] += each[name]
    return {"items": list(lines.values())}


def show_record(self, world, query, body, name):
    self.session(world)
    for each in world.records:
        if each["id"] == name:
            return each
    raise problem(404, "not_found")


def path_of_record(self, world, query, body, name):
    begun = {"at": datetime.now(UTC).isoformat(), "kind": "form_filled", "service": "giving"}
    begun |= {"state": None, "detail": None, "technical": {}}
    return {"steps": [begun | {"title": {"fr": "Formulaire rempli", "en": "Form filled in"}}]}


def receipts(self, world, query, body):
    return {"items": world.receipts, "next": None}


def receipt_counts(self, world, query, body):
    return {"items": [{"reason": "address_missing", "count": 3, "by": "donor"}]}


def receipt_cases(self, world, query, body):
    case = {"donation_id": str(uuid.uuid4()), "entity_id": world.campaigns[0]["entity"]["id"]}
    return {"items": [case | {"reasons": ["address_missing"], "look_at": None}], "next": None}


def issue_receipt(self, world, query, body, name):
    if any(each["id"] == name for each in world.records):
        raise Answer(201, RECEIPT)
    refused = problem(409, "receipt_not_possible")
    refused.body["reasons"] = ["address_missing"]
    raise refused


def void_receipt(self, world, query, body, name):
    if not body["note"]:
        raise problem(422, "fields_refused", errors={"note": ["Too short."]})
    raise Answer(201, {"replacement": None})


def law(self, world, query, body):
    ceiling = {"name": "counterpart_ceiling_minor", "from_on": "2021-01-01", "value": 7300}
    dates = {"review_on": "2026-01-01", "reviewed_at": None, "is_due": True}
    return {"items": [ceiling | dates | {"source": "CGI, ann. II, art. 17 G"}]}


def confirm_law(self, world, query, body):
    raise Answer(201, law(self, world, query, None)["items"][0] | {"is_due": False})


def receipt_settings(self, world, query, body, name):
    empty = dict.fromkeys(("siren", "rna", "address", "purpose", "category", "receipt_series"))
    lists = {"entitlements": {}, "signatories": [], "date_rules": {}}
    return world.campaigns[0]["entity"] | empty | lists | {"missing": ["address", "signatory"]}


def change_receipt_settings(self, world, query, body, name):
    if body["siren"] == "732829321":
        raise problem(422, "fields_refused", errors={"siren": ["Not a SIREN."]})
    return receipt_settings(self, world, query, None, name) | {"missing": []}


def receipt_check(self, world, query, body, code):
    if not code.startswith("good"):
        raise problem(404, "link_not_found")
    void = {"voided_at": None, "replaced_by": None}
    if code == "good.void":
        void = {"voided_at": "2026-11-30T10:00:00+00:00", "replaced_by": "FUV-2026-000043"}
    return void | {
        "number": "FUV-2026-000042",
        "entity_name": world.campaigns[0]["entity"]["name"],
        "amount_minor": 12_000,
        "currency": "EUR",
        "first_on": "2026-11-23",
        "last_on": "2026-11-23",
        "issued_at": "2026-11-23T10:00:00+00:00",
    }


def put_receipt_details(self, world, query, body, link):
    world.donations[link]["receipt_to"] = body
    return gift(self, world, query, None, link)


def receipt_batches(self, world, query, body):
    batch = {"id": str(uuid.uuid4()), "entity_id": world.campaigns[0]["entity"]["id"], "year": 2025}
    counts = {"expected": 1200, "done": 400, "issued": 390, "finished_at": None}
    return {"items": [batch | counts | {"asked_at": "2026-11-23T10:00:00+00:00"}], "next": None}


def ask_batch(self, world, query, body):
    if body["year"] < 2000:
        raise problem(422, "fields_refused", errors={"year": ["Not a year."]})
    raise Answer(201, receipt_batches(self, world, query, None)["items"][0])


def declaration(self, world, query, body, name):
    rows = [{"article": "200", "documents": 12, "total_minor": 123_450}]
    period = {"first_on": f"{query['year'][0]}-01-01", "last_on": f"{query['year'][0]}-12-31"}
    total = {"documents": 12, "total_minor": 123_450, "by_article": rows}
    return {"entity_name": world.campaigns[0]["entity"]["name"]} | period | total


ROUTES = [
    ("GET", f"{G}/receipt-batches", receipt_batches),
    ("POST", f"{G}/receipt-batches", ask_batch),
    ("GET", f"{G}/entities/{ID}/receipt-declaration", declaration),
    ("GET", f"{G}/receipts", receipts),
    ("GET", f"{G}/receipt-cases/counts", receipt_counts),
    ("GET", f"{G}/receipt-cases", receipt_cases),
    ("POST", f"{G}/donations/{ID}/receipts", issue_receipt),
    ("POST", f"{G}/receipts/{ID}/voids", void_receipt),
    ("GET", f"{G}/tax-parameters", law),
    ("POST", f"{G}/tax-parameters/reviews", confirm_law),
    ("GET", f"{G}/entities/{ID}/receipt-settings", receipt_settings),
    ("PATCH", f"{G}/entities/{ID}/receipt-settings", change_receipt_settings),
    ("GET", f"{G}/receipt-checks/{ID}", receipt_check),
    ("PUT", f"{G}/gift-links/{ID}/receipt-details", put_receipt_details),
    ("GET", f"{G}/campaigns", list_campaigns),
    ("POST", f"{G}/campaigns", create_campaign),
    ("GET", f"{G}/campaigns/{ID}", show_campaign),
    ("PATCH", f"{G}/campaigns/{ID}", change_campaign),
    ("GET", f"{G}/campaigns/{ID}/dashboard", dashboard),
    ("POST", f"{G}/campaigns/{ID}/(launches|closures|reopenings)", decide),
    ("PUT", f"{G}/campaigns/{ID}/picture", put_picture),
    ("DELETE", f"{G}/campaigns/{ID}/picture", remove_picture),
    ("GET", f"{G}/funds", funds),
    ("GET", f"{G}/activity", activity),
    ("GET", f"{G}/activity/month", month),
    ("GET", f"{G}/findings", findings),
    ("GET", f"{G}/refunds", refunds),
    ("GET", f"{G}/surpluses", surpluses),
    ("POST", f"{G}/surpluses/{ID}/refunds", refund_surplus),
    ("GET", f"{G}/disputes", disputes),
    ("POST", f"{G}/donations/{ID}/refunds", refund_gift),
    ("POST", f"{G}/donations/{ID}/refunds/{ID}/(approvals|rejections)", decide_refund),
    ("GET", f"{G}/campaigns/{ID}/total", total),
    ("GET", f"{G}/campaigns/{ID}/wall", show_wall),
    ("POST", f"{G}/donations", donate),
    ("GET", f"{G}/donations", list_records),
    ("GET", f"{G}/donation-totals", count_records),
    ("GET", f"{G}/donations/{ID}", show_record),
    ("GET", f"{G}/paths/{ID}", path_of_record),
    ("GET", f"{G}/gift-links/{ID}", gift),
    ("PUT", f"{G}/gift-links/{ID}/wall", put_wall),
    ("POST", f"{G}/gift-links/{ID}/checkouts", retry),
    ("GET", f"{G}/my-donations", my_gifts),
]
