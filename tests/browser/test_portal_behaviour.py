"""What a person does on the portal, on a phone, with and without scripts, with the keyboard alone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Look
from tests.browser.test_portal_pictures import many
from tests.web.samples import PERSON

pytestmark = pytest.mark.browser

PHONE = Look(360, "light", "fr")
PAGE = "/campaigns/bourses-2026"
GUEST = {"given_name": "Zoé", "family_name": "Le Goff", "email": "zoe@example.org"}


@pytest.fixture
def guest(site, visit):
    """Somebody on the bus, on the campaign's page."""
    return visit(site.url, PHONE).open(PAGE)


def fill(page):
    """Who gives."""
    for name, value in GUEST.items():
        page.fill(f"#{name}", value)


def plain(text):
    """Text with plain spaces."""
    return re.sub(r"[\s\u00a0\u202f]+", " ", text).strip()


def button(page):
    """What the one button of the form says."""
    return plain(page.inner_text("[data-once]"))


def wishes(site):
    """What was asked of giving."""
    return [
        body for verb, path, body, _ in site.world.asked if verb == "POST" and path.endswith("/donations")
    ]


def test_the_button_and_the_cost_follow_the_amount(guest):
    page = guest.page
    assert button(page) == "Donner 120 €"

    page.check("input[value='6000']", force=True)
    assert button(page) == "Donner 60 €"
    assert "20,40 €" in plain(page.inner_text(".cost"))

    page.fill("#other", "37,50")
    assert button(page) == "Donner 37,50 €"
    assert "12,75 €" in plain(page.inner_text(".cost"))

    page.fill("#other", "abc")
    assert button(page) == "Donner ce montant"

    page.check("input[value='30000']", force=True)
    assert button(page) == "Donner 300 €"
    assert page.input_value("#other") == ""


def test_a_double_tap_sends_one_request(guest, site):
    page = guest.page
    site.world.slow_s["giving"] = 0.5
    fill(page)

    page.dblclick("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")

    assert len(wishes(site)) == 1


def test_changing_the_language_half_way_keeps_what_was_typed(guest):
    page = guest.page
    fill(page)
    page.fill("#other", "45")

    page.click("[data-tongue]")

    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.input_value("#given_name") == GUEST["given_name"]
    assert button(page) == "Give €45"
    assert page.evaluate("sessionStorage.length") == 0


def test_wrong_answers_are_read_out_first_and_lead_to_their_fields(guest):
    page = guest.page
    page.click("[data-once]")
    page.wait_for_selector("#what-is-wrong")

    assert page.evaluate("document.activeElement.id") == "what-is-wrong"
    page.click("#what-is-wrong a >> nth=2")
    assert page.evaluate("document.activeElement.id") == "email"


def test_the_total_and_the_wall_move_in_place_while_one_types(guest, site):
    page = guest.page
    page.fill("#given_name", "Zo")
    page.evaluate("document.querySelector('#total .raised').same = 'node'")
    at = site.world.wall[0]["at"][:-7] + "1+00:00"
    row = {"name": "Nour B.", "class_year": 2015, "amount_minor": None, "at": at}
    site.world.campaigns[0].update(raised_minor=8_776_000, donors_count=413)
    site.world.wall.insert(0, row)

    expect(page.locator("#total .raised")).to_have_text(re.compile("87.760"), timeout=9_000)
    expect(page.locator("#wall")).to_contain_text("Nour B.")

    assert page.evaluate("document.querySelector('#total .raised').same") == "node"
    assert page.evaluate("document.activeElement.id") == "given_name"
    assert page.input_value("#given_name") == "Zo"


def test_a_lost_connection_is_said_and_its_return_too(guest):
    page = guest.page
    guest.forgiven.add(0)
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_contain_text("Connexion perdue", timeout=9_000)

    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_empty(timeout=9_000)


def test_without_scripts_one_gives_all_the_same(site, visit):
    guest = visit(site.url, PHONE, java_script_enabled=False)
    page = guest.open(PAGE).page
    assert button(page) == "Donner 120 €"

    page.check("input[value='6000']", force=True)
    assert button(page) == "Donner 60 €"
    page.fill("#other", "45")
    assert button(page) == "Donner ce montant"
    fill(page)
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")

    assert wishes(site)[0]["amount_minor"] == 4_500


def test_with_the_keyboard_alone_one_gives(guest, site):
    page = guest.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")

    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
        if seen[-1] == "choice":
            page.keyboard.press("ArrowRight")
        elif seen[-1] in GUEST:
            page.keyboard.type(GUEST[seen[-1]])
        elif page.evaluate("document.activeElement.matches('[data-once]')"):
            break
        outlined = page.evaluate(
            "(() => { const e = document.activeElement;"
            " const s = getComputedStyle(e.name === 'choice' ? e.nextElementSibling : e);"
            " return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 })()"
        )
        assert outlined, f"focus cannot be seen on {seen[-1]}"
    assert button(page) == "Donner 300 €"
    page.keyboard.press("Enter")
    page.wait_for_url("**/sandbox/pay/**")

    assert wishes(site)[0]["amount_minor"] == 30_000
    assert [name for name in seen if name in GUEST] == list(GUEST)


def test_the_page_of_a_gift_changes_by_itself_when_the_bank_confirms(guest, site):
    page = guest.page
    fill(page)
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")
    [(link, gift)] = site.world.donations.items()
    guest.open(f"/l/gift/{link}?paid=1")
    expect(page.locator("h1")).to_have_text("Nous attendons votre banque")

    gift["status"] = "settled"

    expect(page.locator("h1")).to_have_text(re.compile("Merci"), timeout=6_000)
    guest.check("settled by itself")


def test_a_notice_leaves_and_can_be_closed(guest, site):
    page = guest.page
    fill(page)
    page.click("[data-once]")
    page.wait_for_url("**/sandbox/pay/**")
    [(link, gift)] = site.world.donations.items()
    gift["status"] = "settled"
    guest.open(f"/l/gift/{link}")

    page.check("[name=shows_name]")
    page.click("text=Enregistrer mon choix")
    expect(page.locator("[data-toast]")).to_contain_text("C’est noté")
    guest.check("notice")
    page.click("[data-close]")

    expect(page.locator("[data-toast]")).to_have_count(0)
    assert gift["wall"] == {"shows_name": True, "shows_amount": False}


def test_the_menu_closes_on_escape_and_gives_the_focus_back(site, visit):
    claire = visit(site.url, PHONE, session=site.world.sign_in(PERSON)).open("/")
    claire.page.click("details.me summary")
    claire.page.keyboard.press("Escape")

    assert not claire.page.evaluate("document.querySelector('details.me').open")
    assert claire.page.evaluate("document.activeElement.tagName") == "SUMMARY"


CUT = """() => {
  const framed = "main .card, .amounts span, .button, .badge"
  const shown = e => e.checkVisibility({visibilityProperty: true})
    && !e.closest(".unseen, .skip, .to-sign-in > span, svg *")
  const written = e => [...e.childNodes].filter(n => n.nodeType === 3 && n.data.trim()).flatMap(n => {
    const text = document.createRange()
    text.selectNode(n)
    return [...text.getClientRects()]
  })
  const named = e => [e.tagName, e.getAttribute("class"), (e.textContent || "").trim().slice(0, 30)].join(" ")
  const found = []
  for (const e of document.querySelectorAll("body *")) {
    if (!shown(e)) continue
    const box = e.getBoundingClientRect(), lines = written(e)
    if (Math.min(box.left, ...lines.map(line => line.left)) < -.5) found.push(`off the left: ${named(e)}`)
    if (e.placeholder) {
      const context = document.createElement("canvas").getContext("2d"), style = getComputedStyle(e)
      context.font = style.font
      const room = e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
      if (context.measureText(e.placeholder).width > room) found.push(`placeholder cut: ${e.placeholder}`)
    }
    if (e.matches("a, button, summary") && box.width < 1) found.push(`no width: ${named(e)}`)
    if (e.matches(".raised, .amount, .amounts span") && lines.length > 1) found.push(`broken: ${named(e)}`)
    if (e.matches(".wall .who") && box.width < 64) found.push(`letter by letter: ${named(e)}`)
    const right = Math.max(box.right, ...lines.map(line => line.right))
    for (let up = e.matches(framed) ? e : e.parentElement; up !== document.body; up = up.parentElement)
      if (up.matches(framed) || getComputedStyle(up).overflowX !== "visible")
        if (right > up.getBoundingClientRect().right + .5) found.push(`cut by ${named(up)}: ${named(e)}`)
  }
  return found
}"""
"""What cannot be read or reached: it passes the edge of what clips or frames it, or has no width."""
OPEN = ["/", PAGE, "/sign-in", "/sign-in?by=password", "/privacy", "/legal"]
MINE = ["/my/account", "/my/gifts"]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("signed_in", "path"), [*((False, path) for path in OPEN), *((True, path) for path in ["/", PAGE, *MINE])]
)
def test_a_phone_at_200_percent_never_scrolls_sideways_nor_cuts(site, visit, language, signed_in, path):
    many(site.world)
    session = site.world.sign_in(PERSON | {"locale": language}) if signed_in else None

    seen = visit(site.url, Look(180, "light", language), session=session).open(path)

    seen.check(path)
    assert seen.page.evaluate(CUT) == []


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("width", [180, 240])
def test_nor_does_the_menu_of_who_is_signed_in(site, visit, language, width):
    session = site.world.sign_in(PERSON | {"locale": language})
    seen = visit(site.url, Look(180, "light", language), session=session)
    seen.page.set_viewport_size({"width": width, "height": 390})
    seen.open("/").page.click("details.me summary")

    assert seen.page.evaluate(CUT) == []


def test_on_a_phone_the_picture_of_a_campaign_fills_its_tile(site, visit):
    many(site.world)
    page = visit(site.url, PHONE).open("/").page

    picture, tile = (page.locator(each).first.bounding_box() for each in (".tile .picture", ".tile"))

    assert tile["width"] - picture["width"] <= 2
