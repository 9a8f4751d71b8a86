"""The desk of refunds, and what staff may ask, agree to and say of each."""

import re
import uuid

import pytest

from tests.web.samples import PERSON, dispute, on_desk, record, refund, surplus
from tests.web.test_console_gifts import words


@pytest.fixture
def officer(browser, world):
    """Somebody of the office who reads and refunds gifts."""
    return browser.hold(world.sign_in(PERSON, ["giving.read", "giving.refund"]))


def send(officer, path, **fields):
    return officer.post(path, data={"key": str(uuid.uuid4()), **fields})


@pytest.fixture
def gift(world):
    world.records = [record(refunded_minor=2000)]
    return f"/console/gifts/{world.records[0]['id']}"


def test_the_form_is_filled_with_all_that_is_left(officer, world, gift):
    asked = [refund(status="waiting", amount_minor=1500), refund(status="failed", amount_minor=900)]
    world.records[0]["refunds"] = asked

    page = officer.get(f"{gift}/refund").text

    assert re.search('name="amount"[^>]*value="85"', page)
    assert "Reste à rembourser" in page


def test_a_part_is_asked_for_in_minor_units_and_a_large_one_is_said_to_wait(officer, world, gift):
    wish = {"reason": "error", "note": "Trop perçu"}

    part = send(officer, f"{gift}/refund", amount="1 234,50", **wish)
    assert world.decided[-1][2] == wish | {"amount_minor": 123_450}
    assert part.status_code == 303
    assert "attend l’accord d’une autre personne" in officer.get(part.headers["location"]).text


@pytest.mark.parametrize("typed", ["beaucoup", "-5", "1,234", "1e3"])
def test_an_amount_that_is_none_is_asked_for_again_with_all_that_was_typed(officer, world, gift, typed):
    answer = send(officer, f"{gift}/refund", amount=typed, reason="error", note="Trop perçu")

    assert answer.status_code == 422 and world.decided == []
    assert "Écrivez un montant" in answer.text and "Trop perçu" in answer.text and typed in answer.text


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (422, "refund_too_large", "Il ne reste que"),
        (409, "donation_under_dispute", "La banque du donateur a déjà repris"),
        (409, "refund_under_way", "déjà en cours de remboursement"),
        (422, "provider_refused", "Le prestataire de paiement refuse"),
    ],
)
def test_why_it_cannot_be_is_said_and_nothing_typed_is_lost(officer, world, gift, status, code, said):
    world.refusal = (status, code)

    answer = send(officer, f"{gift}/refund", amount="50", reason="error", note="Trop perçu")

    assert answer.status_code == status
    assert said in words(answer) and "Trop perçu" in answer.text


def test_the_desk_says_what_to_do_for_each(officer, world):
    world.refunds = [on_desk(status=each) for each in ("waiting", "requested", "failed", "returned")]
    world.surpluses, world.disputes = [surplus()], [dispute()]

    said = words(officer.get("/console/refunds/"))

    for title in (
        "En attente de l’accord d’une autre personne",
        "Dons payés deux fois",
        "Contestés par des banques",
        "N’ont pas abouti",
        "Demandés, pas encore faits",
        "À répondre avant le 12 mars 2026",
    ):
        assert title in said
    assert "https://dashboard.stripe.com/disputes/du_1" in officer.get("/console/refunds/").text


def test_an_empty_desk_says_what_will_be_there(officer):
    assert "Rien à traiter" in officer.get("/console/refunds/").text


def test_what_waits_is_counted_in_the_menu_and_at_home(officer, world):
    world.refunds = [on_desk(status=each) for each in ("waiting", "requested", "failed")]
    world.surpluses, world.disputes = [surplus()], [dispute()]

    page = words(officer.get("/console/"))

    assert "Remboursements et contestations à traiter 4" in page


def test_one_s_own_is_not_agreed_to_but_may_be_taken_back(officer, world):
    mine, theirs = on_desk(status="waiting", requested_by=PERSON["id"]), on_desk(status="waiting")
    world.refunds = [mine, theirs]

    page = officer.get("/console/refunds/").text

    assert f"{theirs['id']}/approve" in page and f"{mine['id']}/approve" not in page
    assert f"{mine['id']}/reject" in page and "Retirer la demande" in page


def test_who_may_only_read_decides_nothing(browser, world):
    reader = browser.hold(world.sign_in(PERSON, ["giving.read"]))
    world.refunds, world.surpluses = [on_desk(status="waiting")], [surplus()]

    page = reader.get("/console/refunds/").text

    assert "/approve" not in page and "/reject" not in page and "/refunds/surpluses/" not in page


def test_a_decision_comes_back_to_where_it_was_taken(officer, world):
    world.refunds = [waits] = [on_desk(status="waiting")]
    world.records = [record(id=waits["donation_id"], refunds=[waits])]
    place = f"/console/gifts/{waits['donation_id']}/refunds/{waits['id']}"

    agreed = send(officer, f"{place}/approve", back="desk")
    closed = send(officer, f"{place}/reject", back="gift", note="Non merci")

    assert [each[1:] for each in world.decided] == [
        ("approvals", None),
        ("rejections", {"note": "Non merci"}),
    ]
    assert agreed.headers["location"].endswith("/console/refunds/")
    assert closed.headers["location"].endswith(f"/console/gifts/{waits['donation_id']}")


def test_a_decision_that_came_too_late_is_said(officer, world):
    world.refusal = (409, "refund_not_waiting")

    answer = send(officer, f"/console/gifts/{uuid.uuid4()}/refunds/{uuid.uuid4()}/approve", back="desk")

    assert "Quelqu’un a déjà décidé" in officer.get(answer.headers["location"]).text


def test_a_second_payment_goes_back_in_one_click(officer, world):
    world.surpluses = [twice] = [surplus()]

    answer = send(officer, f"/console/refunds/surpluses/{twice['id']}")

    assert world.decided == [(twice["id"], "refunds", None)]
    assert "repart vers le donateur" in officer.get(answer.headers["location"]).text


def test_the_page_of_a_gift_shows_its_dispute_and_its_second_payment(officer, world):
    world.records = [
        record(
            status="disputed", standing="disputed", disputed_minor=12_000, disputes=[dispute()],
            surpluses=[surplus()],
        )
    ]  # fmt: skip

    said = words(officer.get(f"/console/gifts/{world.records[0]['id']}"))

    assert "contesté" in said and "Contesté −120,00 €" in said
    assert "le porteur de la carte dit ne pas avoir payé · frais de 20,00 €" in said
    assert "Payé deux fois" in said
    assert "Rembourser…" not in said
