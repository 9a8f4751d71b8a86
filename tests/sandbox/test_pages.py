"""The pages of the sandbox, as a browser asks for them."""

import json
import smtplib
import sqlite3
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from uuid import uuid4

import httpx
import pytest

from shared.payments import gateway
from tests.support.provider import entry, provider

PAGES = ("", "mailbox/", "receiver", "receiver/crm", "crm", "authenticator", "control")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with provider(tmp_path_factory.mktemp("pages"), [entry(name="Fondation de Valmont")]) as running:
        yield running


@pytest.fixture
def opened(running):
    return gateway.open_checkout(
        running.account,
        checkout_id=uuid4(),
        donation_id=uuid4(),
        campaign_id=uuid4(),
        amount_minor=12_050,
        currency="EUR",
        description="Bourses <b>2026</b>",
        email="zoe@example.org",
        locale="fr",
        success_url="https://school.example/l/gift/x",
        cancel_url="https://school.example/l/gift/x?cancelled=1",
    )


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_page_answers_in_both_languages_with_a_strict_policy(running, path, lang):
    answer = httpx.get(f"{running.url}/sandbox/{path}?lang={lang}", follow_redirects=True)

    assert answer.status_code == 200
    assert f'<html lang="{lang}">' in answer.text
    assert ("aucune vraie carte" if lang == "fr" else "no real card") in answer.text.replace("\xa0", " ")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_language_follows_the_browser_until_it_is_chosen(running):
    with httpx.Client(base_url=running.url, headers={"Accept-Language": "en-GB"}) as browser:
        assert '<html lang="en">' in browser.get("/sandbox/").text
        browser.get("/sandbox/?lang=fr")
        assert '<html lang="fr">' in browser.get("/sandbox/").text


def test_the_payment_page_says_what_is_paid_to_whom(running, opened):
    page = running.look(opened.url)

    assert '<html lang="fr">' in page.text
    for words in ("120,50\xa0€", "Fondation de Valmont", "Bourses &lt;b&gt;2026", "4242 4242 4242 4242"):
        assert words in page.text
    assert "form-action 'self' https://school.example" in page.headers["Content-Security-Policy"]


def test_paying_leads_to_the_success_page_and_twice_pays_once(running, opened):
    first, second = running.pay(opened.url), running.pay(opened.url)

    for answer in (first, second):
        assert (answer.status_code, answer.headers["Location"]) == (303, "https://school.example/l/gift/x")
    payment = gateway.fetch_checkout(running.account, opened.id).payment_intent
    assert gateway.fetch_payment(running.account, payment).received_minor == 12_050
    assert "C’est payé" in running.look(opened.url).text


def test_a_decline_is_said_on_the_page_and_another_card_may_follow(running, opened):
    answer = running.pay(opened.url, card="insufficient")
    page = running.look(opened.url).text

    assert answer.headers["Location"] == f"/sandbox/pay/{opened.id}"
    assert "Provision insuffisante" in page
    assert 'href="https://school.example/l/gift/x?cancelled=1"' in page
    assert running.pay(opened.url).headers["Location"].startswith("https://school.example")


def test_the_decline_button_declines_whatever_card_is_chosen(running, opened):
    answer = httpx.post(
        f"{running.url}/sandbox/pay/{opened.id}/payments", data={"card": "visa", "decline": "1"}
    )

    assert answer.status_code == 303
    assert gateway.fetch_checkout(running.account, opened.id).status == "open"
    assert "La banque a refusé" in running.look(opened.url).text


def test_a_closed_page_says_so(running, opened):
    running.expire(opened.id)

    assert "expiré" in running.look(opened.url).text


def test_an_unknown_page_or_card_pays_nothing(running, opened):
    assert running.look("cs_test_none").status_code == 404
    assert running.pay("cs_test_none").status_code == 404
    running.pay(opened.url, card="stolen")
    assert gateway.fetch_checkout(running.account, opened.id).payment_intent is None


@contextmanager
def full_disk(running):
    """The sandbox's file cannot grow any more, and has no room left inside."""
    store = running.sandbox.world.store
    with store.transaction() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    filler = "INSERT INTO objects (id, account, kind, created, body) VALUES (?, '', '', 0, ?)"
    for size in (2000, 200, 20):
        with suppress(sqlite3.OperationalError):
            while True:
                with store.transaction() as db:
                    db.execute(filler, (uuid4().hex, "x" * size))
    yield
    with store.transaction() as db:
        db.execute("PRAGMA max_page_count = 1000000")
        db.execute("DELETE FROM objects WHERE account = ''")


def test_a_full_disk_pays_nothing_and_says_so_with_the_way_back(running, opened):
    with full_disk(running):
        answer = running.pay(opened.url)

    assert answer.status_code == 503
    assert "Rien n’a été débité. Revenez en arrière et réessayez" in answer.text
    assert 'href="https://school.example/l/gift/x?cancelled=1"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert gateway.fetch_checkout(running.account, opened.id).status == "open"
    assert running.pay(opened.url).headers["Location"] == "https://school.example/l/gift/x"


def test_a_full_disk_is_told_to_programs_in_the_form_of_the_providers_errors(running):
    item = "line_items[0]"
    wish = {
        "mode": "payment",
        "success_url": "https://school.example/",
        f"{item}[quantity]": "1",
        f"{item}[price_data][currency]": "eur",
        f"{item}[price_data][unit_amount]": "500",
        f"{item}[price_data][product_data][name]": "A gift " * 40,
    }
    asked = {"data": wish, "headers": {"Authorization": f"Bearer {running.account.api_key}"}}

    with full_disk(running):
        answer = httpx.post(f"{running.url}/v1/checkout/sessions", **asked)

    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "api_error")
    assert httpx.post(f"{running.url}/v1/checkout/sessions", **asked).status_code == 200


@pytest.mark.parametrize(("lang", "said"), [("fr", "Rien n’a été changé"), ("en", "Nothing was changed")])
def test_any_other_page_says_that_nothing_was_changed(running, lang, said):
    rules = [{"stage": "rcpt", "address": "*", "answer": "450 4.2.1 Later"}] * 200
    defaults = {"api_fail_status": "503", "receiver_fail_status": "429", "webhook_duplicate_copies": "1"}

    with full_disk(running):
        answer = httpx.post(
            f"{running.url}/sandbox/control/?lang={lang}", data=defaults | {"mail_rules": json.dumps(rules)}
        )

    assert answer.status_code == 503
    assert said in answer.text


def test_another_site_cannot_press_the_buttons(running, opened):
    answer = httpx.post(
        f"{running.url}/sandbox/pay/{opened.id}/payments",
        data={"card": "visa"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403
    assert gateway.fetch_checkout(running.account, opened.id).status == "open"


def sent(running, html):
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Merci <i>", "a@example.org", "zoe@example.org"
    message.set_content("Voir https://school.example/l/gift/x")
    message.add_alternative(html, subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="reçu.pdf")
    with smtplib.SMTP("127.0.0.1", running.sandbox.smtp_port) as client:
        client.send_message(message)
    found = httpx.get(f"{running.url}/sandbox/mailbox/emails.json?q=zoe@example.org").json()["items"]
    return found[0]["seq"]


@pytest.mark.parametrize(("lang", "size"), [("fr", "4 octets"), ("en", "4 bytes")])
def test_the_size_of_what_goes_with_an_email_is_said_in_the_pages_language(running, lang, size):
    page = httpx.get(f"{running.url}/sandbox/mailbox/{sent(running, '<p>Merci</p>')}?lang={lang}")

    assert f"application/pdf, {size}</span>" in page.text.replace("\xa0", " ")


def test_an_email_is_shown_without_its_scripts(running):
    seq = sent(running, "<p>Bonjour</p><script>alert(1)</script>")

    page = httpx.get(f"{running.url}/sandbox/mailbox/{seq}?lang=en")
    frame = httpx.get(f"{running.url}/sandbox/mailbox/{seq}/html")

    assert "Merci &lt;i&gt;" in page.text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert 'href="https://school.example/l/gift/x"' in page.text
    assert frame.text.startswith('<base target="_blank"><p>Bonjour</p>')
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_the_list_of_emails_is_sent_again_only_when_it_changed(running):
    address = f"{running.url}/sandbox/mailbox/rows?q=zoe"
    sent(running, "<p>1</p>")
    first = httpx.get(address)
    same = httpx.get(address, headers={"If-None-Match": first.headers["ETag"]})
    sent(running, "<p>2</p>")
    other = httpx.get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, same.status_code, other.status_code) == (200, 304, 200)
    assert first.headers["Cache-Control"] == "no-cache"


def test_an_email_that_is_not_there_is_a_404(running):
    for path in ("mailbox/999999", "mailbox/999999/html", "mailbox/1/attachments/7", "nothing"):
        assert httpx.get(f"{running.url}/sandbox/{path}").status_code == 404


def test_switches_are_turned_on_the_page(running):
    form = {"act": "apply", "webhook_drop_percent": "12.5", "webhook_paused": "1", "api_fail_next": "3",
            "mail_rules": '[{"stage": "rcpt", "answer": "450 4.2.1 Later"}]'}  # fmt: skip

    wrong = httpx.post(f"{running.url}/sandbox/control/", data=form | {"api_fail_status": "99"})
    rules = httpx.post(f"{running.url}/sandbox/control/", data=form | {"mail_rules": "[{}]"})
    defaults = {"api_fail_status": "503", "receiver_fail_status": "429", "webhook_duplicate_copies": "1"}
    right = httpx.post(f"{running.url}/sandbox/control/", data=form | defaults)
    told = httpx.get(f"{running.url}/sandbox/control/switches").json()
    httpx.post(f"{running.url}/sandbox/control/", data={"act": "reset"})

    assert (wrong.status_code, rules.status_code, right.status_code) == (422, 422, 303)
    assert (told["webhook_drop_percent"], told["webhook_paused"], told["api_fail_next"]) == (12.5, True, 3)
    assert httpx.get(f"{running.url}/sandbox/control/switches").json()["webhook_paused"] is False
    assert "450 4.2.1 Later" not in httpx.get(f"{running.url}/sandbox/control/").text.split("<textarea")[1]
