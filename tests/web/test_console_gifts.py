"""Gifts in the console: the list with its sums, what a refund gives back to whom, how long a path took."""

import html
import re
from datetime import timedelta

import pytest

from tests.web.samples import EMAIL_ID, PERSON, email, record, refund
from web.console.gifts import _from_payment


@pytest.fixture
def officer(browser, world):
    """Somebody of the office who reads, exports and refunds gifts."""
    return browser.hold(world.sign_in(PERSON, ["giving.read", "giving.refund", "people.export"]))


def words(answer):
    """What the page says, without its marks."""
    plain = re.sub(r"<[^>]*>", " ", answer.text.split("<main", 1)[-1])
    return " ".join(html.unescape(plain).replace("\u202f", " ").replace("\u00a0", " ").split())


@pytest.mark.parametrize(
    ("method", "named"),
    [
        ({"kind": "card", "brand": "visa", "last4": "4242"}, "Visa •••• 4242"),
        ({"kind": "sepa_debit", "brand": None, "last4": "3000"}, "Prélèvement SEPA •••• 3000"),
        ({"kind": "card", "brand": None, "last4": None}, "Carte"),
        (None, "En ligne"),
    ],
)
def test_before_a_refund_the_page_says_whose_gift_it_is_and_how_it_was_paid(officer, world, method, named):
    world.records = [record(settled_at="2026-03-02T09:12:00+00:00", method=method)]

    said = words(officer.get(f"/console/gifts/{world.records[0]['id']}/refund"))

    assert "Hélène D’Aubigné" in said
    assert "Montant 120,00 €" in said
    assert "Encaissé le 2 mars 2026, 10:12" in said
    assert f"Payé par {named} Campagne" in said
    assert "Personne ne devrait renoncer" in said


def step(second, kind):
    return {"at": f"2026-03-14T09:00:{second:06.3f}+00:00", "kind": kind}


AMOUNTS = {"received": 12_000, "awaiting": 4_080, "refunded": 5_000}
AMOUNTS |= {"open": 7_700, "declined": 6_600, "abandoned": 8_800}


@pytest.fixture
def each(world):
    """A gift of each standing, two of them received."""
    world.records = [
        record(standing=name, amount_minor=amount, refunded_minor=amount if name == "refunded" else 0)
        for name, amount in AMOUNTS.items()
    ]
    world.records.append(record(amount_minor=50))


def sums(said):
    """The amounts in the rows, by what is said beside them."""
    rows = re.findall(
        r"(encaissé|en attente d’encaissement|remboursé|encore ouvert|refusé par la banque|abandonné)"
        r" .{5,40}? ([\d, ]+) €",
        said,
    )
    return [(name, round(float(amount.replace(" ", "").replace(",", ".")) * 100)) for name, amount in rows]


def test_the_head_counts_what_the_rows_show_and_no_form_that_nobody_paid(officer, each):
    head, rows = words(officer.get("/console/gifts/")).split("Donateur", 1)

    shown = sums(rows)
    assert len(shown) == 4
    assert sum(amount for name, amount in shown if name == "encaissé") == 12_050
    assert "4 dons · 3 encaissés : 170,50 € · remboursé : 50,00 € · conservé : 120,50 €" in head
    assert "· 1 en attente d’encaissement : 40,80 €" in head
    assert "non payé" not in head


def test_unpaid_forms_are_shown_to_who_asks_and_have_no_sum(officer, each):
    head, rows = words(officer.get("/console/gifts/?standing=unpaid")).split("Donateur", 1)

    assert sums(rows) == [
        ("encore ouvert", 7_700),
        ("refusé par la banque", 6_600),
        ("abandonné", 8_800),
    ]
    assert "3 formulaires non payés" in head
    assert "€" not in head


def test_the_order_stands_in_the_address_and_a_click_turns_it_around(officer, world, each):
    page = officer.get("/console/gifts/?q=ol&sort=largest").text

    assert ("sort", "largest") in asked(world, "/donations")
    assert 'aria-sort="descending"' in page
    assert "q=ol&amp;sort=smallest" in page
    assert "q=ol&amp;sort=newest" in page
    assert "/console/gifts/export.csv?q=ol" in page


@pytest.mark.parametrize(
    ("site", "asks"), [("cross-site", False), ("same-site", False), ("same-origin", True), ("none", True)]
)
def test_no_link_of_another_site_makes_staff_export(officer, world, site, asks):
    answer = officer.get("/console/gifts/export.csv", **{"Sec-Fetch-Site": site})

    assert (answer.status_code != 403) is asks
    assert any(path.endswith("/donation-exports") for _, path, *_ in world.asked) is asks


def test_a_guests_other_gifts_are_at_hand_on_the_page_of_one(officer, world):
    first = record(amount_minor=3_300)
    world.records = [first, record(amount_minor=4_400, donor=first["donor"]), record(amount_minor=5_500)]

    page = officer.get(f"/console/gifts/{first['id']}")

    said = words(page).split("Autres dons du même donateur")[1]
    assert "44,00 €" in said
    assert "55,00 €" not in said
    assert f"/console/gifts/?party_id={first['donor']['party_id']}" in page.text
    theirs = officer.get(f"/console/gifts/?party_id={first['donor']['party_id']}")
    assert "Dons de Hélène D’Aubigné" in words(theirs)
    assert "2 encaissés : 77,00 €" in words(theirs)


@pytest.mark.parametrize("rights", [["giving.read"], ["giving.read", "mailings.read"]])
def test_the_path_leads_to_the_email_for_who_may_read_it(browser, world, rights):
    browser.hold(world.sign_in(PERSON, rights))
    world.records = [record()]

    page = browser.get(f"/console/gifts/{world.records[0]['id']}").text

    assert "Courriel envoyé" in page
    assert (f'href="/console/emails/{EMAIL_ID}"' in page) == ("mailings.read" in rights)


def asked(world, ending):
    """What the services were asked for at a path, as pairs of a name and a value."""
    return [pair for path, pairs in world.queries if path.endswith(ending) for pair in pairs]


def test_the_seconds_count_from_the_confirmation_not_from_an_earlier_refusal():
    refused = [step(1, "form_filled"), step(5, "payment_declined"), step(5.2, "provider_event")]
    paid = [
        step(30, "provider_event"),
        step(30.1, "settled"),
        step(30.4, "published"),
        step(30.75, "email_sent"),
    ]

    assert _from_payment(refused) is None
    assert _from_payment(refused + paid) == timedelta(seconds=0.75)


def test_a_message_of_the_provider_after_the_payment_does_not_begin_the_count_anew():
    steps = [
        step(30, "provider_event"),
        step(30.1, "settled"),
        step(30.2, "provider_event"),
        step(31, "email_sent"),
        step(40, "email_sent"),
    ]

    assert _from_payment(steps) == timedelta(seconds=1)


def test_before_the_email_left_nothing_is_said_of_how_long_it_took():
    assert _from_payment([step(30, "provider_event"), step(30.1, "settled"), step(30.4, "heard")]) is None


@pytest.mark.parametrize(
    ("lang", "counted"),
    [
        ("fr", "1 s de la confirmation de la banque au courriel"),
        ("en", "1 s from the bank’s confirmation to the email"),
    ],
)
def test_it_is_said_from_when_the_time_to_the_email_is_counted(officer, world, monkeypatch, lang, counted):
    told = {"title": {"fr": "Étape", "en": "Step"}, "service": "giving", "gap": ""}
    kinds = {"payment_accepted": 30, "provider_event": 31, "settled": 31.1, "email_sent": 32}
    steps = [step(second, kind) | told for kind, second in kinds.items()]
    monkeypatch.setattr("web.console.paths.of", lambda gift: {"steps": steps, "silent": []})
    world.records = [record()]

    officer.get(f"/console?lang={lang}")

    assert counted in words(officer.get(f"/console/gifts/{world.records[0]['id']}"))


def test_the_emails_of_a_gift_are_asked_again_with_its_path(officer, world):
    officer.hold(world.sign_in(PERSON, ["giving.read", "mailings.read"]))
    world.records = [record()]
    gift = f"/console/gifts/{world.records[0]['id']}"
    assert "Remboursé, Hélène" not in officer.get(gift).text

    world.emails = [email(subject="Remboursé, Hélène")]
    told = officer.get(f"{gift}/path").text

    assert 'hx-partial hx-target="#emails"' in told
    assert "Remboursé, Hélène" in told
    assert 'id="emails"' in officer.get(gift).text


def test_who_may_not_read_emails_is_sent_none_with_the_path(officer, world):
    world.records, world.emails = [record()], [email(subject="Merci Hélène")]

    assert "Merci Hélène" not in officer.get(f"/console/gifts/{world.records[0]['id']}/path").text


def test_an_email_that_no_longer_holds_is_not_offered_to_be_sent_again(officer, world):
    officer.hold(world.sign_in(PERSON, ["giving.read", "mailings.read", "mailings.send"]))
    world.records = [record(standing="refunded")]
    world.emails = [email(outdated=True), email(template="gift_refunded")]

    page = officer.get(f"/console/gifts/{world.records[0]['id']}").text

    assert [each["id"] for each in world.emails if f"{each['id']}/resend" in page] == [world.emails[1]["id"]]


def test_what_went_back_is_subtracted_and_the_reason_stands_before_its_note(officer, world):
    back = refund(completed_at="2026-03-03T09:00:00+00:00")
    world.records = [record(standing="refunded", refunded_minor=12_000, refunds=[back])]

    page = html.unescape(officer.get(f"/console/gifts/{world.records[0]['id']}").text)

    assert "Remboursé −120,00 €" in words(officer.get(f"/console/gifts/{world.records[0]['id']}"))
    assert re.search("Erreur[\u00a0\u202f]: Deux fois", page)


def test_the_class_of_a_guest_is_not_known_and_is_not_called_an_account(officer, world):
    world.records = [record()]
    world.records[0]["donor"] |= {"class_year": None, "person_id": None}

    said = words(officer.get(f"/console/gifts/{world.records[0]['id']}"))

    assert "Promotion inconnue" in said
    assert "sans compte" not in said.split("Promotion")[1][:20]
