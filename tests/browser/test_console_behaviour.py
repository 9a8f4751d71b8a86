"""How the console behaves in a browser, over stand-ins of the services."""

import pytest

from tests.browser.conftest import Look
from tests.web.samples import PERSON

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
