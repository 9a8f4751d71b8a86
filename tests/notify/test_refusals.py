"""How many emails were refused for good lately, for those who run the system."""

from datetime import timedelta

import pytest

from services.notify import gifts, refusals, schedule
from services.notify.mailer import Mailer
from services.notify.models import Transaction
from tests.support import facts
from tests.support.facts import NOW


def _refused(smtp, settings, *addresses):
    with Transaction() as session:
        for address in addresses:
            gifts.settled(session, facts.settled(facts.contact(email=address)), settings=settings, at=NOW)
    line = Mailer(smtp.url)
    while schedule.send_next(line, clock=lambda: NOW):
        pass


@pytest.mark.parametrize(("later", "count"), [(timedelta(hours=5), 2), (timedelta(hours=6), 0)])
def test_what_was_refused_in_the_last_six_hours_is_counted(smtp, settings, later, count):
    smtp.rcpt["gone@example.org"] = ["550 5.1.1 no such user"]
    smtp.data["large@example.org"] = ["552 too large"]
    smtp.rcpt["busy@example.org"] = ["450 4.2.0 grey listed"]

    _refused(smtp, settings, "gone@example.org", "large@example.org", "busy@example.org", "fine@example.org")

    with Transaction() as session:
        assert refusals.lately(session, NOW + later) == {"emails": count}
