"""Every page of the portal in every look: accessible, no wider than its screen, silent, and photographed."""

import pytest

from tests.browser.conftest import LOOKS
from tests.web.samples import PERSON, campaign, my_gift

pytestmark = pytest.mark.browser

GUEST = {"given_name": "Zoé", "family_name": "Le Goff", "email": "zoe@example.org"}
LONG = {
    "fr": "Anticonstitutionnellement : une bibliothèque universitaire ouverte la nuit, le dimanche et l'été",
    "en": "A university library that stays open at night, on Sundays and all through the long summer",
}

DEEPER = {"goal_donors": 600, "start_minor": 2_500_000, "start_donors": 40} | {
    "unit_minor": 20_000,
    "units_promised": 600,
    "unit_name": {"fr": "bourses d'un mois", "en": "monthly grants"},
}


def many(world):
    """Campaigns of all kinds."""
    night = {"fr": "Une bibliothèque ouverte la nuit", "en": "A library open at night"}
    music = {"fr": "L'orchestre des étudiants", "en": "The student orchestra"}
    garden = {"fr": "Le jardin des promotions", "en": "The garden of classes"}
    rowing = {"fr": "Un huit de pointe", "en": "A new eight"}
    world.campaigns += [
        campaign("nuit", title=night, picture="library", raised_minor=3_410_050, donors_count=133),
        campaign("bourses", picture="garden", **DEEPER),
        campaign("tutorat", title=music, picture="sport", goal_minor=0, goal_donors=600, start_donors=12),
        campaign("labo", title=LONG, picture="laboratory", raised_minor=12_500_000, tax=None),
        campaign("orchestre", title=music, picture="music", raised_minor=0, donors_count=0),
        campaign("jardin", title=garden, picture="garden", status="closed", ends_on="2025-06-30"),
        campaign(
            "aviron", title=rowing, picture="sport", status="closed", donors_count=1, raised_minor=50_000
        ),
    ]


def gift_of(world, status, **changes):
    """A gift in a state; its address."""
    link = f"{status}.{len(world.donations)}"
    world.donations[link] = {
        "id": "x",
        "status": status,
        "amount_minor": 12_000,
        "currency": "EUR",
        "link": link,
        "campaign_id": world.campaigns[0]["id"],
        "wall": {"shows_name": False, "shows_amount": False},
        **changes,
    }
    return f"/l/gift/{link}"


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_public_pages(site, visit, album, look):
    world = site.world
    guest = visit(site.url, look)

    def take(name, path, status=200):
        guest.open(path, status)
        album.add(name, look, guest.page)
        guest.check(name)

    take("portal-home-one", "/")
    many(world)
    take("portal-home-many", "/")
    world.campaigns, kept = [], world.campaigns
    take("portal-home-none", "/")
    world.campaigns = kept
    take("portal-campaign", "/campaigns/bourses-2026")
    take("portal-campaign-over", "/campaigns/labo")
    take("portal-campaign-ended", "/campaigns/jardin")
    take("portal-campaign-deeper", "/campaigns/bourses")
    take("portal-campaign-donors", "/campaigns/tutorat")
    take("portal-widget", f"/widget/bourses?lang={look.language}")
    take("portal-widget-ended", f"/widget/jardin?lang={look.language}")
    world.wall, wall = [], world.wall
    take("portal-campaign-first", "/campaigns/orchestre")
    world.wall = wall[:1]
    take("portal-campaign-one-on-the-wall", "/campaigns/nuit")
    for name, status, query in [
        ("settled", "settled", ""), ("failed", "failed", ""), ("refunded", "refunded", ""),
        ("cancelled", "pending", "?cancelled=1"), ("pending", "pending", "?paid=1"),
        ("unpaid", "pending", ""),
    ]:  # fmt: skip
        take(f"portal-gift-{name}", gift_of(world, status) + query)
    take("portal-sign-in", "/sign-in")
    take("portal-sign-in-landing", "/l/sign-in/good")
    take("portal-privacy", "/privacy")
    take("portal-legal", "/legal")
    take("portal-error-404", "/nope", 404)
    world.down.add("giving")
    take("portal-error-503", "/", 503)


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_pages_after_an_act(site, visit, album, look):
    guest = visit(site.url, look)
    guest.forgiven |= {422}
    page = guest.page

    def take(name):
        page.wait_for_load_state()
        album.add(name, look, page)
        guest.check(name)

    guest.open("/campaigns/bourses-2026")
    page.fill("#other", "0,50")
    page.click("[data-once]")
    page.wait_for_selector("#what-is-wrong")
    take("portal-campaign-errors")
    guest.open("/sign-in")
    page.fill("#email", "claire@example.org")
    page.press("#email", "Enter")
    page.wait_for_selector("main .lead")
    take("portal-sign-in-sent")
    guest.open("/sign-in?by=password")
    page.fill("#email", "staff@example.org")
    page.fill("#password", "wrong")
    page.press("#password", "Enter")
    page.wait_for_selector("#what-is-wrong")
    take("portal-sign-in-refused")
    page.fill("#password", "right horse")
    page.press("#password", "Enter")
    page.wait_for_selector("#totp")
    take("portal-sign-in-code")
    guest.open("/l/sign-in/spent")
    page.click("main button")
    page.wait_for_selector("h1:has-text('longer'), h1:has-text('plus')")
    take("portal-sign-in-spent")


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_my_pages(site, visit, album, look):
    world = site.world
    claire = visit(site.url, look, session=world.sign_in(PERSON | {"locale": look.language}))

    def take(name, path):
        claire.open(path)
        album.add(name, look, claire.page)
        claire.check(name)

    take("portal-my-gifts-none", "/my/gifts")
    world.my_gifts = [my_gift("settled", 5_000)]
    take("portal-my-gifts-one", "/my/gifts")
    world.my_gifts += [my_gift(status, 2_550) for status in ("pending", "failed", "refunded", "settled")] * 3
    take("portal-my-gifts-many", "/my/gifts")
    take("portal-account", "/my/account")
    take("portal-password", "/my/password")
    take("portal-authenticator", "/my/authenticator")
    claire.page.fill("#password", "right horse")
    claire.page.press("#password", "Enter")
    claire.page.wait_for_selector("#totp")
    album.add("portal-authenticator-scan", look, claire.page)
    claire.check("portal-authenticator-scan")
    claire.page.fill("#totp", "123456")
    claire.page.press("#totp", "Enter")
    claire.page.wait_for_selector(".codes")
    album.add("portal-recovery-codes", look, claire.page)
    claire.check("portal-recovery-codes")
    take("portal-campaign-signed-in", "/campaigns/bourses-2026")
    claire.page.click("details.me summary")
    album.add("portal-menu", look, claire.page)
    claire.check("portal-menu")


def test_zoomed_to_200_percent_nothing_is_cut(site, visit):
    guest = visit(site.url, LOOKS[0])
    guest.page.set_viewport_size({"width": 680, "height": 450})

    for path in ("/", "/campaigns/bourses-2026", "/sign-in"):
        guest.open(path).check(f"zoomed {path}")
