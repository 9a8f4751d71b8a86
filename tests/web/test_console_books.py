"""The console's pages of the books: figures, filters, files, and what cannot be changed."""

import html
import re

import pytest

from tests.web.fake_books import ACCOUNT, CLOSING, ENTITY, GIFT, PAYOUT
from tests.web.fake_server import problem
from tests.web.samples import PERSON, record

BOOKS = f"/console/books/{ENTITY}"


@pytest.fixture
def office(world, browser):
    """Somebody who reads gifts."""
    return browser.hold(world.sign_in(PERSON, ["giving.read"]))


@pytest.fixture
def treasurer(world, browser):
    """Somebody who keeps the books."""
    return browser.hold(world.sign_in(PERSON, ["giving.read", "giving.manage"]))


def words(answer):
    """What the page says, without its marks."""
    plain = re.sub(r"<[^>]*>", " ", answer.text.split("<main", 1)[-1])
    return " ".join(html.unescape(plain).replace("\u202f", " ").replace("\u00a0", " ").split())


def test_the_menu_leads_to_the_balance_of_the_first_entity(world, office):
    assert office.get("/console/books/").location.endswith(f"{BOOKS}/")

    said = words(office.get(f"{BOOKS}/"))

    assert "517000 Prestataire de paiement 39,00 € C 120,00 € 2,00 € 79,00 € D" in said
    assert world.periods == [("2026-01-01", "2026-12-31")]


@pytest.mark.parametrize("days", ["first_day=2026-02-30", "first_day=2027-01-01", "last_day=9999-12-31"])
def test_days_that_are_no_period_are_said_and_the_year_is_shown(world, office, days):
    said = words(office.get(f"{BOOKS}/?{days}"))

    assert "Ces jours ne forment pas une période" in said
    assert world.periods == [("2026-01-01", "2026-12-31")]


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("journal", ("provisoire", "mouvement du 30 décembre 2025", f"/console/gifts/{GIFT}")),
        ("journal?account=517000&kind=gift", ("N° 12", "Effacer")),
        ("accounts/517000", ("Solde antérieur", "81,00 € D")),
        ("payouts/", ("arrivé en banque", "119,00 €")),
        (f"payouts/{PAYOUT}", ("1 don", "120,00 €", f"/console/gifts/{GIFT}")),
        ("chart/", ("517000", "Prestataire de paiement")),
        ("closings/", ("Vu avec la banque", "30 décembre 2025")),
        (f"closings/{CLOSING}", ("abab", "Balance conservée")),
    ],
)
def test_each_page_shows_what_it_is_for(office, page, shown):
    answer = office.get(f"{BOOKS}/{page}")

    assert answer.status_code == 200
    for each in shown:
        assert each in words(answer) or each in answer.text, each


def test_who_only_reads_is_offered_no_change(office):
    for page in ("chart/", "closings/"):
        assert "Modifier" not in office.get(f"{BOOKS}/{page}").text
        assert "Clôturer définitivement" not in office.get(f"{BOOKS}/{page}").text


def test_an_account_that_cannot_be_keeps_what_was_typed(world, treasurer):
    world.next_problem = problem(409, "number_taken")
    typed = {"number": "512000", "label": "Stripe"}

    refused = treasurer.post(f"{BOOKS}/chart/{ACCOUNT}", typed)

    assert refused.status_code == 409 and "Un compte d’une autre nature" in refused.text
    assert 'value="512000"' in refused.text and 'value="Stripe"' in refused.text
    assert treasurer.post(f"{BOOKS}/chart/{ACCOUNT}", typed).status_code == 303


def test_a_siren_that_is_none_is_said_beside_its_field(world, treasurer):
    world.next_problem = problem(422, "fields_refused", {"siren": ["Not a SIREN."]})

    refused = treasurer.post(f"{BOOKS}/chart/books", {"siren": "123", "fiscal_year_start_month": "1"})

    assert refused.status_code == 422 and "Ce n’est pas un SIREN" in refused.text
    assert 'value="123"' in refused.text


def test_a_year_that_is_not_ready_is_not_closed_and_the_note_stays(world, treasurer):
    world.next_problem = problem(409, "books_not_ready")
    typed = {"last_day": "2025-12-31", "accepts_findings": "1", "note": "Vu avec Ana"}

    refused = treasurer.post(f"{BOOKS}/closings/", typed)

    assert refused.status_code == 409 and "Il reste des points" in refused.text
    assert "Vu avec Ana" in refused.text
    assert treasurer.post(f"{BOOKS}/closings/", typed).status_code == 303


def test_the_year_after_the_closed_one_is_offered_once_it_is_over(world, treasurer):
    world.closed_until = "2025-12-31"

    assert "pourra être clôturé quand il sera terminé" in treasurer.get(f"{BOOKS}/closings/").text


def test_a_file_is_handed_on_under_the_name_it_has(world, office):
    def csv(self, world, query, body, entity):
        self.send_response(200)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        self.send_header("Content-Disposition", "attachment; filename=amicale-journal.csv")
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"a;b")

    world.instead = [("POST", "/api/v1/giving/entities/([^/]+)/journal-exports", csv)]

    answer = office.get(f"{BOOKS}/files/journal?first_day=2026-01-01&last_day=2026-01-31")

    assert answer.data == b"a;b" and "amicale-journal.csv" in answer.headers["Content-Disposition"]
    forged = office.get(f"{BOOKS}/files/journal", **{"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403
    assert office.get(f"{BOOKS}/files/nothing").status_code == 404


def test_a_file_that_is_not_made_is_said_on_the_page_it_was_asked_from(world, office):
    def refuse(self, world, query, body, entity):
        raise problem(422, "no_year_ends_then")

    world.instead = [("POST", "/api/v1/giving/entities/([^/]+)/fec-exports", refuse)]

    answer = office.get(f"{BOOKS}/files/fec?first_day=2026-01-01&last_day=2026-01-31")

    assert answer.status_code == 303 and "last_day=2026-01-31" in answer.location
    assert "Le FEC porte sur un exercice entier" in words(office.get(answer.location))


def test_a_gift_leads_to_what_it_did_in_the_books(world, office):
    world.records = [record()]

    found = office.get(f"/console/books/of-gift/{world.records[0]['id']}")

    assert found.status_code == 302 and f"reference={world.records[0]['id']}" in found.location


def test_who_reads_no_gifts_sees_no_books(world, browser):
    browser.hold(world.sign_in(PERSON, ["people.read"]))

    assert browser.get("/console/books/").status_code == 403
