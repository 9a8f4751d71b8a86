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
