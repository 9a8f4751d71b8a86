"""The pages of events on both faces, in few looks: accessible, no wider than the screen, photographed."""

import uuid

import pytest

from tests.browser.conftest import LOOKS
from tests.web.samples import PERSON, event

pytestmark = pytest.mark.browser

OFFICER = ["events.read", "events.manage", "people.read", "people.export", "mailings.read"]
LINK = "0198f000-0000-7000-8000-0000000000aa.abcdefghijklmnopqrstuv"


@pytest.fixture
def agenda(site):
    """Events of all kinds, and somebody who comes with two others; the world that they are in."""
    world = site.world
    nobody_yet = {"seats_taken": 0, "published_at": None, "is_open": False}
    world.events = [
        event(),
        event("visio", is_online=True, place="", seats_max=None, seats_left=None, picture="music"),
        event("complet", seats_left=0, seats_taken=80, picture="garden", visibility="alumni"),
        event("annule", status="cancelled", is_open=False, cancel_reason={"fr": "Orage", "en": "Storm"}),
        event("hier", is_over=True, is_open=False),
        event("brouillon", status="draft", summary={"fr": "", "en": ""}, **nobody_yet),
    ]
    names = [("Zoé", "Le Goff"), ("Yann", "Petit"), ("Marie-Ségolène", "de La Rochefoucauld-Montmorency")]
    world.registrations[LINK] = {
        "id": str(uuid.UUID(int=7)),
        "status": "confirmed",
        "seats": 3,
        "attendees": [{"given_name": given, "family_name": family} for given, family in names],
        "confirmed_at": world.events[0]["published_at"],
        "cancelled_at": None,
        "cancel_reason": None,
        "can_withdraw": True,
        "event": world.events[0] | {"online_url": None},
    }
    return world


@pytest.fixture
def look_at(site, visit, album):
    """Open pages by name as somebody, photograph and check each."""

    def take(look, pages, **who):
        visitor = visit(site.url, look, **who)
        for name, path in pages.items():
            visitor.open(path)
            album.add(name, look, visitor.page)
            visitor.check(name, in_any_language=True)
        return visitor

    return take


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_events_on_the_portal(site, agenda, look_at, look):
    pages = {
        "portal-agenda": "/events",
        "portal-event": "/events/retrouvailles",
        "portal-event-cancelled": "/events/annule",
        "portal-registration": f"/l/registration/{LINK}",
        "portal-withdrawal": f"/l/registration/{LINK}/withdrawal",
    }
    guest = look_at(look, pages).open("/events/retrouvailles")
    guest.page.click("[data-once]")
    guest.page.wait_for_selector("#what-is-wrong")
    guest.check("portal-event-errors", in_any_language=True)

    claire = {"session": agenda.sign_in(PERSON | {"locale": look.language})}
    mine = {"portal-my-registrations": "/my/registrations", "portal-event-sold-out": "/events/complet"}
    look_at(look, mine, **claire)
    agenda.events = []
    look_at(look, {"portal-agenda-none": "/events"})


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_events_in_the_console(agenda, look_at, look):
    ids = {each["slug"]: f"/console/events/{each['id']}" for each in agenda.events}
    registration = f"/console/events/registrations/{uuid.UUID(int=7)}"
    pages = {
        "console-events": "/console/events/",
        "console-event": ids["retrouvailles"],
        "console-event-draft": ids["brouillon"],
        "console-event-new": "/console/events/new",
        "console-event-edit": f"{ids['retrouvailles']}/edit",
        "console-event-publish": f"{ids['brouillon']}/publish",
        "console-event-preview": "/events/brouillon/preview",
        "console-event-reschedule": f"{ids['retrouvailles']}/reschedule",
        "console-event-cancel": f"{ids['retrouvailles']}/cancel",
        "console-registration": registration,
        "console-registration-cancel": f"{registration}/cancel",
    }
    officer = agenda.sign_in(PERSON | {"locale": look.language}, OFFICER)
    visitor = look_at(look, pages, session=officer).open("/console/events/new")

    visitor.page.fill("#starts_at", "2027-06-12T19:30")
    visitor.page.press("#title_fr", "Enter")
    visitor.page.wait_for_selector("#what-is-wrong")
    assert visitor.page.input_value("#starts_at") == "2027-06-12T19:30"
    visitor.check("console-event-errors", in_any_language=True)


def test_an_event_is_called_off_by_keyboard_alone(site, agenda, visit):
    officer = visit(site.url, LOOKS[0], session=agenda.sign_in(PERSON, OFFICER))
    officer.open("/console/")
    page = officer.page

    page.keyboard.press("g")
    page.keyboard.press("v")
    page.wait_for_url("**/console/events/")
    for place, end in (("Retrouvailles", "**/console/events/*-*"), ("Annuler", "**/cancel")):
        page.locator(f"main a:has-text('{place}')").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(end)
    page.locator("#reason_fr").focus()
    page.keyboard.type("Orage")
    page.locator("button.danger").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Cet événement est annulé")

    assert agenda.events[0]["cancel_reason"] == {"fr": "Orage", "en": ""}
