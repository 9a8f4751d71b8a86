"""The document: every mention of the law's models, in French, the same bytes each time."""

import io
import json
import subprocess
import sys
import unicodedata

import pytest
from pypdf import PdfReader
from sqlalchemy import select

from services.giving import french_amounts, receipt_checks, receipt_pdf, receipt_voids
from services.giving.models import ReceiptAddressee, ReceiptLine, ReceiptVoid, Transaction
from shared.i18n import format_day
from tests.giving import receipt_world, world

pytestmark = pytest.mark.usefixtures("giving")


@pytest.mark.parametrize(
    ("minor", "words"),
    [
        (9105, "quatre-vingt-onze euros et cinq centimes"),
        (100, "un euro"),
        (101, "un euro et un centime"),
        (50, "cinquante centimes"),
        (2000, "vingt euros"),
        (8000, "quatre-vingts euros"),
        (8100, "quatre-vingt-un euros"),
        (7100, "soixante et onze euros"),
        (20000, "deux cents euros"),
        (20100, "deux cent un euros"),
        (28000, "deux cent quatre-vingts euros"),
        (100000, "mille euros"),
        (120000, "mille deux cents euros"),
        (8000000, "quatre-vingt mille euros"),
        (20000000, "deux cent mille euros"),
        (28000000, "deux cent quatre-vingt mille euros"),
        (100000000, "un million d’euros"),
        (8000000000, "quatre-vingts millions d’euros"),
        (100000180, "un million un euros et quatre-vingts centimes"),
    ],
)
def test_amounts_in_french_words(minor, words):
    assert french_amounts.in_words(minor) == words


@pytest.fixture
def issued():
    """Issues a receipt for a gift; the receipt, its lines and its addressee."""
    receipt_world.law()
    campaign = world.campaign()
    receipt_world.complete()

    def issue(minor=9105, **who):
        gift = receipt_world.settled(campaign, minor, **who)
        receipt_world.issue_due()
        receipt = receipt_world.receipt_of(gift)
        with Transaction() as session:
            own = select(ReceiptLine).where(ReceiptLine.receipt_id == receipt.id)
            lines = list(session.execute(own).scalars())
            return receipt, lines, session.get_one(ReceiptAddressee, receipt.id).detail

    return issue


def words_of(pdf):
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return " ".join(unicodedata.normalize("NFKC", text).replace("-\n", "-").split())


def says(pdf, mentions):
    text = words_of(pdf).replace(" ", "")
    return [each for each in mentions if unicodedata.normalize("NFKC", each).replace(" ", "") not in text]


def test_a_receipt_of_a_person_has_every_mention_of_11580(issued):
    receipt, lines, to = issued()
    pdf = receipt_pdf.render(receipt, lines, to)

    day = format_day(receipt.first_on, "fr")
    assert not says(
        pdf,
        [
            "Cerfa n° 11580*05", "Reçu au titre des dons à certains organismes d’intérêt général",
            receipt.order_number, "Fondation", "12 rue des Tilleuls", "35000 Rennes", "SIREN 732 829 320",
            "Soutenir la recherche, la formation et la vie étudiante de l’université.",
            "Fondation universitaire", "Rescrit 2021/114", "Lemoine", "Claire", "91,05 €",
            "quatre-vingt-onze euros et cinq centimes", "Date du versement", day,
            "certifie sur l’honneur", "200 du CGI", "978 du CGI", "Déclaration de don manuel",
            "Numéraire", "Virement, prélèvement, carte bancaire", "Fait le", "Hélène Marchetti",
            "Directrice générale, par délégation du président",
            "Signature de la personne habilitée", "/r/",
        ],
    )  # fmt: skip


def test_a_receipt_of_a_company_has_every_mention_of_16216(issued):
    pdf = receipt_pdf.render(*issued(499_900, receipt_to=receipt_world.COMPANY))

    assert (
        says(
            pdf,
            [
                *("Cerfa n° 16216*02", "Entreprise donatrice", "Ateliers Morvan", "SAS", "552 100 554"),
                *(
                    "3 quai Saint-Cast",
                    "4 999 €",
                    "quatre mille neuf cent quatre-vingt-dix-neuf euros",
                    "article 238 bis du CGI",
                ),
            ],
        )
        == []
    )


def test_the_same_receipt_is_the_same_bytes_in_any_process(issued):
    told = issued()
    first = receipt_pdf.render(*told)
    assert receipt_pdf.render(*told) == first

    script = (
        "import sys, typst; from pathlib import Path; "
        "layout = Path('services/giving/receipt.typ').read_bytes(); "
        "sys.stdout.buffer.write(typst.compile(layout, format='pdf',"
        " sys_inputs={'data': sys.stdin.read()}, pdf_standards='a-3b', ignore_system_fonts=True,"
        f" timestamp={int(told[0].issued_at.timestamp())}))"
    )
    data = json.dumps(receipt_pdf.told(*told, void=None, duplicate=False), ensure_ascii=False)
    other = subprocess.run([sys.executable, "-c", script], input=data.encode(), capture_output=True)
    assert other.stdout == first


def test_it_is_pdf_a(issued):
    metadata = PdfReader(io.BytesIO(receipt_pdf.render(*issued()))).metadata
    raw = receipt_pdf.render(*issued())

    assert metadata.title.startswith("Reçu") and b"pdfaid:part" in raw


def test_a_voided_one_and_a_reprint_say_so_and_keep_their_number(issued):
    receipt, lines, to = issued()
    with Transaction() as session:
        receipt_voids.void(session, receipt, reason="error", note="Nom", by=None, at=world.NOW)
        void = session.get_one(ReceiptVoid, receipt.id)

    assert says(receipt_pdf.render(receipt, lines, to, void=void), ["Reçu annulé le", "ANNULÉ"]) == []
    assert (
        says(receipt_pdf.render(receipt, lines, to, duplicate=True), ["Duplicata", receipt.order_number])
        == []
    )


def test_an_english_speaker_gets_a_courtesy_page(issued):
    french = receipt_pdf.render(*issued())
    english = receipt_pdf.render(*issued(locale="en"))

    assert len(PdfReader(io.BytesIO(french)).pages) == 1
    assert len(PdfReader(io.BytesIO(english)).pages) == 2
    assert says(english, ["Only the French page before it is the receipt"]) == []


def test_nothing_that_is_filled_in_is_read_as_markup(issued):
    to = receipt_world.TO | {"family_name": "d’Été-Łoś (née Noël), A & B", "given_name": "- Zoë / 1"}

    assert says(receipt_pdf.render(*issued(receipt_to=to)), ["d’Été-Łoś (née Noël), A & B"]) == []


def test_a_body_that_is_sheltered_stands_on_its_second_line(issued):
    receipt, lines, to = issued()
    receipt.frozen = receipt.frozen | {"sheltered_body": "Fondation Rive Haute"}

    assert says(receipt_pdf.render(receipt, lines, to), ["Fondation Rive Haute, abritée par Fondation"]) == []


def test_the_code_confirms_what_is_nobodys_secret(issued, app):
    receipt, _, _ = issued()
    token = receipt_checks.address(receipt).rpartition("/")[2]
    client = app.test_client()

    told = client.get(f"/api/v1/giving/receipt-checks/{token}").json

    assert (told["number"], told["amount_minor"], told["voided_at"]) == (receipt.order_number, 9105, None)
    assert "Lemoine" not in str(told)
    for forged in (token[:-1] + ("A" if token[-1] != "A" else "B"), str(receipt.id), "x", f"{receipt.id}.é"):
        assert client.get(f"/api/v1/giving/receipt-checks/{forged}").status_code == 404
    with Transaction() as session:
        receipt_voids.void(session, receipt, reason="error", note="Nom", by=None, at=world.NOW)
    told = client.get(f"/api/v1/giving/receipt-checks/{token}").json
    assert told["voided_at"] and told["replaced_by"].endswith("000002")
