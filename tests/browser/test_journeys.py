"""Whole journeys through the running stack, in a browser: did I give, and how often?"""

import re
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Error, expect

from tests.browser.conftest import Look
from tests.support.donor import eventually, mailbox
from tests.support.stack import RunningStack
from tests.support.staff import ALUMNI_EMAIL

pytestmark = [pytest.mark.browser, pytest.mark.stack]

PHONE = Look(360, "light", "fr")


@pytest.fixture
def campaign(stack: RunningStack):
    """A campaign under way whose entity may issue receipts."""
    found = httpx.get(f"{stack.url}/api/v1/giving/campaigns", params={"status": "live"}).json()["items"]
    return next(each for each in found if each["tax"])


def total_of(stack, campaign):
    """What is raised now, and by how many gifts."""
    told = httpx.get(f"{stack.url}/api/v1/giving/campaigns/{campaign['id']}/total").json()
    return told["raised_minor"], told["donations_count"]


def begin(guest, campaign, *, amount="50", email="zoe@example.org"):
    """From the campaign's page to the payment page."""
    page = guest.open(f"/campaigns/{campaign['slug']}").page
    page.fill("#other", amount)
    if page.locator("#email").count():
        page.fill("#given_name", "Zoé")
        page.fill("#family_name", "Le Goff")
        page.fill("#email", email)
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")
    return page


def heading(page):
    """The first thing that the page says."""
    return page.locator("main h1")


def test_a_guest_gives_fifty_euros_and_knows_it(stack, visit, album, campaign):
    guest = visit(stack.url, PHONE)
    raised, count = total_of(stack, campaign)
    page = begin(guest, campaign)
    page.click("button:has-text('Payer')")

    expect(heading(page)).to_have_text(re.compile("Merci"), timeout=15_000)
    expect(page.locator("main")).to_contain_text(re.compile(r"50\s€ est bien encaissé, une seule fois"))
    album.add("journey-thank-you", PHONE, page)
    guest.check("thank-you")
    assert total_of(stack, campaign) == (raised + 5_000, count + 1)


def test_paying_and_losing_the_way_back_the_campaign_tells_what_became_of_it(stack, visit, campaign):
    guest = visit(stack.url, PHONE)
    page = begin(guest, campaign, amount="21")
    with page.expect_response(lambda answer: "/payments" in answer.url):
        page.evaluate("document.querySelector('form[action$=\"/payments\"]').requestSubmit()")

    def left():
        with suppress(Error):  # the way back may be under way by then
            return page.goto("about:blank") is None

    assert eventually(left)

    def told():
        guest.open(f"/campaigns/{campaign['slug']}")
        return re.search(r"21\s€ : encaissé", re.sub(r"[\s\u202f\u00a0]+", " ", page.inner_text(".kept")))

    assert eventually(told)


def test_a_cancelled_gift_is_not_taken_and_can_be_given_after_all(stack, visit, album, campaign):
    guest = visit(stack.url, PHONE)
    before = total_of(stack, campaign)
    page = begin(guest, campaign, amount="30")
    page.click("text=Annuler")

    expect(heading(page)).to_have_text("Vous n’avez pas donné", timeout=10_000)
    album.add("journey-cancelled", PHONE, page)
    guest.check("cancelled")
    assert total_of(stack, campaign) == before

    page.click("text=finalement")
    page.wait_for_url("**/sandbox/pay/**")
    page.click("button:has-text('Payer')")
    expect(heading(page)).to_have_text(re.compile("Merci"), timeout=15_000)
    assert total_of(stack, campaign) == (before[0] + 3_000, before[1] + 1)


def test_a_declined_card_takes_nothing_and_another_one_pays_once(stack, visit, campaign):
    guest = visit(stack.url, PHONE)
    before = total_of(stack, campaign)
    page = begin(guest, campaign, amount="40")
    guest.forgiven |= {402, 422}
    page.check("input[value=insufficient]", force=True)
    page.click("button:has-text('Payer')")
    expect(page.locator("body")).to_contain_text(re.compile("refus|provision", re.I))
    assert total_of(stack, campaign) == before

    page.check("input[value=visa]", force=True)
    page.click("button:has-text('Payer')")
    expect(heading(page)).to_have_text(re.compile("Merci"), timeout=15_000)
    assert total_of(stack, campaign) == (before[0] + 4_000, before[1] + 1)


def test_an_alumna_signs_in_by_an_emailed_link_gives_and_finds_her_gift(stack, visit, campaign):
    claire = visit(stack.url, PHONE)
    page = claire.open("/sign-in?next=/my/gifts").page
    page.fill("#email", ALUMNI_EMAIL)
    page.click("text=M’envoyer un lien")
    expect(heading(page)).to_have_text("Regardez vos courriels")

    link = eventually(lambda: sign_in_link(stack), within_s=30)
    claire.open(urlsplit(link).path)
    page.click("main button")
    page.wait_for_url("**/my/gifts")
    claire.check("my gifts")

    page = begin(claire, campaign, amount="61")
    page.click("button:has-text('Payer')")
    expect(heading(page)).to_have_text(re.compile("Merci"), timeout=15_000)
    claire.open("/my/gifts")
    expect(page.locator(".list li").first).to_contain_text(re.compile(r"61\s€"))
    claire.open("/my/account").check("my account")
    page.click("text=Me déconnecter ici")
    expect(page.locator("[data-toast]")).to_contain_text("déconnecté")
    assert claire.page.goto(f"{stack.url}/my/gifts").url.startswith(f"{stack.url}/sign-in")


def sign_in_link(stack):
    """The newest link sent to the alumna."""
    for each in mailbox(stack, ALUMNI_EMAIL):
        if link := re.search(r"https?://\S+/l/sign-in/[\w.-]+", each["text"]):
            return link[0]
    return None


def test_the_portal_is_live_while_others_give(stack, visit, campaign):
    watching, giving = visit(stack.url, Look(1360, "light", "fr")), visit(stack.url, PHONE)
    watching.open(f"/campaigns/{campaign['slug']}")
    before = watching.page.inner_text("#total .raised")
    page = begin(giving, campaign, amount="35")
    page.click("button:has-text('Payer')")
    expect(heading(page)).to_have_text(re.compile("Merci"), timeout=15_000)

    expect(watching.page.locator("#total .raised")).not_to_have_text(before, timeout=10_000)
    expect(watching.page.locator("#wall li.fresh")).not_to_have_count(0)
