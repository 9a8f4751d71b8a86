"""The console's page of the system: what waits, and since when."""

from datetime import UTC, datetime, timedelta

from tests.web.samples import PERSON


def test_the_oldest_email_and_delivery_that_wait_are_told(world, browser):
    since = (datetime.now(UTC) - timedelta(minutes=42)).isoformat()
    world.waits["notify"] = [{"what": "emails", "since": since}, {"what": "deliveries", "since": None}]
    operator = browser.hold(world.sign_in(PERSON, ["system.read"]))

    page = operator.get("/console/system/").text

    assert "Premier courriel en attente</dt><dd>" in page and "il y a 42" in page
    assert "Premier envoi en attente</dt><dd>aucun" in page


def test_a_service_that_is_ready_and_has_a_warning_is_not_shown_as_well(world, browser):
    world.warnings["notify"] = ["12 emails refused in the last hours"]
    world.refused["notify"] = [{"what": "emails", "count": 12}]
    operator = browser.hold(world.sign_in(PERSON, ["system.read"]))

    page = operator.get("/console/system/").text

    assert page.count('<span class="badge warn">prêt, à surveiller</span>') == 1
    assert page.count('<span class="badge good">prêt</span>') == 3
    assert "Courriels refusés en 6\u00a0h</dt><dd>12</dd>" in page
