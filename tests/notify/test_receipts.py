"""Tax receipts as the donor hears of them: a letter that leads to the receipt, a line of their story."""

from sqlalchemy import select

from services.notify import receipts
from services.notify.models import Email, TimelineEntry, Transaction
from shared.messages import MASK
from tests.support import facts

NOW = facts.NOW


def _all(model):
    with Transaction() as session:
        return list(session.execute(select(model).order_by(model.id)).scalars())


def test_an_issued_receipt_is_sent_as_a_sealed_link(settings):
    message = facts.receipt()
    with Transaction() as session:
        receipts.issued(session, message, settings=settings, at=NOW)

    [email], [line] = _all(Email), _all(TimelineEntry)
    assert email.subject == "Votre reçu fiscal FUV-2026-000042" and email.status == "queued"
    assert MASK in email.html and "/l/gift/" not in email.html
    assert line.text_fr == "Reçu fiscal FUV-2026-000042 de 120\u00a0€"


def test_a_voided_receipt_is_told_with_its_reason_and_what_replaces_it(settings):
    who = facts.contact(locale="en")
    message = facts.receipt(who, voided=True, replaced_by="FUV-2026-000043")
    with Transaction() as session:
        receipts.voided(session, message, settings=settings, at=NOW)

    [email] = _all(Email)
    assert email.subject == "Your French tax receipt FUV-2026-000042 is void"
    assert "FUV-2026-000043" in email.text and "correct your tax return" in email.text
