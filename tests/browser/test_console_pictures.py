"""Every page of the console in every look, over the running stack with the demo's data."""

import io

import httpx
import pytest
from PIL import Image

from tests.browser.conftest import LOOKS
from tests.support.donor import Donor
from tests.support.staff import Signed, sign_in_staff

pytestmark = [pytest.mark.browser, pytest.mark.stack]

NOBODY = "?q=zzzzzzzz"


@pytest.fixture(scope="module")
def staff(stack) -> Signed:
    return sign_in_staff(stack)


@pytest.fixture(scope="module")
def places(stack, staff) -> dict[str, str]:
    """The address of one page of each kind."""
    donor = Donor(stack)
    begun = donor.give(12_000, donor.campaign()["id"])
    donor.until(begun, "settled")
    person = staff.get("/directory/people", q="nguyen")["items"][0]["id"]
    email = staff.get("/notify/emails", status="sent")["items"][0]["id"]
    partner = staff.get("/notify/subscriptions")["items"][0]["id"]
    done = staff.get("/directory/imports")["items"]
    campaign = f"/console/campaigns/{donor.campaign()['id']}"
    gift = f"/console/gifts/{begun['id']}"
    return {
        "home": "/console/",
        "search": "/console/search?q=martin",
        "search-nothing": f"/console/search{NOBODY}",
        "campaigns": "/console/campaigns/",
        "campaign": campaign,
        "campaign-edit": f"{campaign}/edit",
        "campaign-photo": f"{campaign}/picture",
        "campaign-close": f"{campaign}/close",
        **draft(staff),
        "campaign-new": "/console/campaigns/new",
        "gifts": "/console/gifts/",
        "gifts-none": f"/console/gifts/{NOBODY}",
        "gift": gift,
        "refund": f"{gift}/refund",
        "receipts": "/console/receipts/",
        "reconciliation": "/console/reconciliation/",
        **books(staff),
        "people": "/console/people/?q=nguyen",
        "people-none": f"/console/people/{NOBODY}",
        "person": f"/console/people/{person}",
        "emails": "/console/emails/",
        "email": f"/console/emails/{email}",
        "imports": "/console/imports/",
        **({"import": f"/console/imports/{done[0]['id']}"} if done else {}),
        "connections": "/console/connections/",
        "connection": f"/console/connections/{partner}",
        "crm": "/console/crm/",
        "system": "/console/system/",
    }


def books(staff) -> dict[str, str]:
    """The pages of an entity's books."""
    entity = staff.get("/giving/entities")["items"][0]["id"]
    payouts = staff.get(f"/giving/entities/{entity}/payouts")["items"]
    page = f"/console/books/{entity}"
    return {
        "books": f"{page}/",
        "books-journal": f"{page}/journal",
        "books-statement": f"{page}/accounts/517000",
        "books-payouts": f"{page}/payouts/",
        "books-payout": f"{page}/payouts/{payouts[0]['id']}",
        "books-chart": f"{page}/chart/",
        "books-closings": f"{page}/closings/",
    }


def draft(staff) -> dict[str, str]:
    """The pages of a campaign that is not launched, with one text still to be written."""
    words = {"fr": "Un orchestre", "en": "An orchestra"}
    wish = {
        "slug": "un-orchestre-en-images",
        "fund_id": staff.get("/giving/funds")["items"][0]["id"],
        **dict.fromkeys(("title", "summary", "story"), words),
        "surplus_use": {"fr": "Aux bourses", "en": ""},
        "goal_minor": 1_500_000,
        "goal_donors": 600,
        "unit_minor": 100_000,
        "units_promised": 12,
        "unit_name": {"fr": "violons", "en": "violins"},
        "start_minor": 200_000,
        "start_donors": 14,
        "time_zone": "America/New_York",
        "starts_on": "2026-01-01",
        "ends_on": "2036-01-01",
        "suggested_minor": [5000, 10000, 20000],
        "picture": "music",
    }
    key = {"Idempotency-Key": "un-orchestre-en-images"}
    made = staff.ask("POST", "/giving/campaigns", json=wish, headers=key).raise_for_status().json()
    photo = {"alt_fr": "Un mur rouge", "alt_en": "A red wall"}
    file = {"file": ("photo.jpg", red_wall(), "image/jpeg")}
    picture = f"/giving/campaigns/{made['id']}/picture"
    staff.ask("PUT", picture, files=file, data=photo).raise_for_status()
    page = f"/console/campaigns/{made['id']}"
    return {
        "draft": page,
        "draft-edit": f"{page}/edit",
        "draft-photo": f"{page}/picture",
        "draft-launch": f"{page}/launch",
        "draft-preview": f"/campaigns/{wish['slug']}/preview",
    }


def red_wall() -> bytes:
    """A photo, as a camera would give it."""
    file = io.BytesIO()
    Image.new("RGB", (1280, 640), "firebrick").save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_every_page_of_the_console(stack, staff, places, visit, album, look):
    officer = visit(stack.url, look, session=staff.secret)
    officer.open(f"/console/?lang={look.language}")
    officer.forgiven.add(429)  # streams of pages just left are still counted; the page asks by itself

    for name, path in places.items():
        officer.open(path)
        album.add(f"console-{name}", look, officer.page)
        officer.check(f"console-{name}")


def test_a_gift_shows_on_the_dashboard_without_reloading(stack, staff, places, visit):
    officer = visit(stack.url, LOOKS[0], session=staff.secret)
    officer.open(places["campaign"])
    officer.page.evaluate("window.stillHere = true")
    donor = Donor(stack, given_name="Ænghus", family_name="Wójcik")

    donor.until(donor.give(4_200, donor.campaign()["id"]), "settled")

    officer.page.wait_for_selector("text=Ænghus Wójcik", timeout=5_000)
    assert officer.page.evaluate("window.stillHere")


def test_the_console_is_worked_by_keyboard_alone(stack, staff, visit):
    officer = visit(stack.url, LOOKS[0], session=staff.secret)
    officer.open("/console/")
    page = officer.page

    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/console/gifts/")
    page.keyboard.press("/")
    page.keyboard.type("martin")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/search**")

    assert "artin" in page.inner_text("main")


def test_staff_pages_are_for_staff(stack):
    answer = httpx.get(f"{stack.url}/console/gifts/", follow_redirects=False)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=")
