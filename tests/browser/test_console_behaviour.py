"""How the console behaves in a browser, over stand-ins of the services."""

import pytest

from tests.browser.conftest import Look
from tests.web.samples import PERSON, comparison, conflict, differences, subscription

LINES_OF_A_WORD = """word => [...document.querySelectorAll("dd")].map(each => {
  const text = each.firstChild, at = (text.data || "").indexOf(word);
  if (at < 0) return 0;
  const range = document.createRange();
  range.setStart(text, at); range.setEnd(text, at + word.length);
  return range.getClientRects().length;
})"""


@pytest.mark.parametrize("width", [1040, 1200, 1360])
def test_no_word_of_a_services_state_is_broken(site, visit, width):
    site.world.waits["notify"] = [{"what": "emails", "since": "2026-01-01T00:00:00Z"}]
    operator = visit(site.url, Look(1360, "light", "fr"), site.world.sign_in(PERSON, ["system.read"]))
    operator.page.set_viewport_size({"width": width, "height": 800})

    operator.open("/console/system/")

    lines = operator.page.evaluate(LINES_OF_A_WORD, "messages")
    assert max(lines) == 1, lines
    operator.check("system")


@pytest.mark.parametrize("look", [Look(1360, "light", "fr"), Look(360, "dark", "fr")], ids=str)
def test_what_differs_in_the_crm_is_decided_by_keyboard_and_a_comparison_is_watched(site, visit, look):
    site.world.directory_of(PERSON)
    site.world.subscriptions = [crm := subscription()]
    site.world.conflicts, site.world.differences = [conflict(crm)], differences()
    rights = ["integrations.manage", "people.read", "giving.read"]
    keeper = visit(site.url, look, site.world.sign_in(PERSON, rights))
    page = keeper.page
    keeper.open("/console/crm/")
    keeper.check("crm")

    page.locator("button", has_text="Laisser la leur").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Tranchés récemment")
    assert site.world.conflicts[0]["decision"] == "theirs"

    page.locator("button", has_text="Comparer maintenant").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("progress")
    keeper.check("comparison-running")
    site.world.comparisons[0] |= comparison(crm, id=site.world.comparisons[0]["id"])
    page.wait_for_selector("text=Lemoyne")
    keeper.check("comparison")
