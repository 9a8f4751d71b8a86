"""The pages of tax receipts in every look: asked for, checked, and run from the desk."""

import pytest

from tests.browser.conftest import LOOKS
from tests.browser.test_portal_pictures import gift_of
from tests.web.samples import PERSON, RECEIPT

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_pages_of_receipts(site, visit, album, look):
    world = site.world
    world.receipts = [RECEIPT, RECEIPT | {"voided_at": RECEIPT["issued_at"], "void_note": "Nom mal écrit."}]
    rights = ["giving.read", "giving.manage", "receipts.issue"]
    staff = visit(site.url, look, session=world.sign_in(PERSON | {"locale": look.language}, rights))
    guest = visit(site.url, look)
    settings = f"/console/receipts/entities/{world.campaigns[0]['entity']['id']}"
    gift = gift_of(world, "settled", receipt_waits_for="details")

    def take(who, name, path):
        who.open(path)
        album.add(name, look, who.page)
        who.check(name)

    guest.open("/campaigns/bourses-2026")
    guest.page.check("[name=receipt][value=company]")
    album.add("portal-campaign-receipt", look, guest.page)
    guest.check("portal-campaign-receipt")
    take(guest, "portal-gift-receipt", gift)
    take(guest, "portal-receipt-check", "/r/good.1")
    take(guest, "portal-receipt-check-void", "/r/good.void")
    take(staff, "receipts", "/console/receipts/")
    take(staff, "receipts-waiting", "/console/receipts/waiting?reason=address_missing")
    take(staff, "receipt-settings", settings)
