"""The pages of refunds on both faces, in few looks: accessible, no wider than the screen, photographed."""

import pytest

from tests.browser.conftest import LOOKS
from tests.browser.test_portal_pictures import gift_of
from tests.web.samples import PERSON, dispute, on_desk, record, refund, surplus

pytestmark = pytest.mark.browser

LONG = {"given_name": "Marie-Ségolène", "family_name": "de La Rochefoucauld-Montmorency"}


@pytest.fixture
def desk(site):
    """Something of each kind on the desk, and a gift to which all of it happened; the world it is in."""
    world = site.world
    mine = on_desk(status="waiting", requested_by=PERSON["id"], amount_minor=1_250_000)
    mine["donation"]["donor"] |= LONG
    world.refunds = [mine, on_desk(status="waiting"), on_desk(status="failed"), on_desk(status="returned")]
    world.refunds += [on_desk(status="requested", reason="annulment")]
    world.surpluses, world.disputes = [surplus()], [dispute(), dispute(reason="general", answer_by=None)]
    stages = ("waiting", "completed", "rejected")
    told = [
        refund(status=each, rejection="Le don est voulu." if each == "rejected" else None) for each in stages
    ]
    world.records = [
        record(
            refunded_minor=5_000, disputed_minor=2_000, status="disputed", standing="disputed", refunds=told,
            disputes=[dispute(), dispute(status="lost")], surpluses=[surplus()],
        ),
        record(refunded_minor=5_000),
    ]  # fmt: skip
    return world


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_refunds_are_asked_for_decided_and_shown(site, desk, visit, album, look):
    rights = ["giving.read", "giving.refund"]
    officer = visit(site.url, look, session=desk.sign_in(PERSON | {"locale": look.language}, rights))

    def take(who, name, path):
        who.open(path)
        album.add(name, look, who.page)
        who.check(name, in_any_language=True)

    take(officer, "console-refunds", "/console/refunds/")
    take(officer, "console-gift-refunds", f"/console/gifts/{desk.records[0]['id']}")
    take(officer, "console-refund-part", f"/console/gifts/{desk.records[1]['id']}/refund")
    desk.refunds, desk.surpluses, desk.disputes = [], [], []
    take(officer, "console-refunds-none", "/console/refunds/")

    guest = visit(site.url, look)
    take(guest, "portal-gift-part-back", gift_of(desk, "settled", refunded_minor=2_050))
    take(guest, "portal-gift-disputed", gift_of(desk, "disputed", disputed_minor=12_000))


def test_a_refund_is_agreed_to_and_another_is_not_by_keyboard_alone(site, desk, visit):
    officer = visit(site.url, LOOKS[0], session=desk.sign_in(PERSON, ["giving.read", "giving.refund"]))
    page = officer.open("/console/refunds/").page
    theirs, failed = desk.refunds[1], desk.refunds[2]

    page.focus(f"form[action*='{theirs['id']}/approve'] button")
    page.on("dialog", lambda asked: asked.accept())
    page.keyboard.press("Enter")
    page.wait_for_selector(":text('Vous avez donné votre accord')")

    page.focus(f"details:has(form[action*='{failed['id']}/reject']) summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Rendu par virement")
    page.keyboard.press("Enter")
    page.wait_for_selector(":text('Clos, avec votre note')")
    assert [each[1] for each in desk.decided] == ["approvals", "rejections"]
