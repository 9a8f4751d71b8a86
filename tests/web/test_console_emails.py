"""Emails in the console: what waits for a decision, and the filter that leads to it."""

import html
import re

import pytest

from tests.web.fake_server import problem
from tests.web.samples import EMAIL_ID, PERSON, email
from tests.web.test_campaign_page import text_of
from web.console.emails import STATUSES

RIGHTS = ["mailings.read", "mailings.send"]


@pytest.fixture
def officer(browser, world):
    return browser.hold(world.sign_in(PERSON, RIGHTS))


def test_home_has_a_line_for_each_kind_of_email_that_waits_and_leads_to_just_those(officer, world):
    world.emails = [
        email(status=each) for each in ("sent", "failed", "unsure", "unsure", "held", "held", "held")
    ]

    page = officer.get("/console/").text
    lines = re.findall(
        r'<li><a href="(/console/emails/\?[^"]*)"><span>([^<]*)</span><span class="count">(\d+)', page
    )

    assert [(words, n) for _, words, n in lines] == [
        ("Courriels refusés", "1"),
        ("Courriels à l’adresse incertaine", "2"),
        ("Courriels retenus\u202f: peut-être envoyés avant la restauration", "3"),
    ]
    for address, _, n in lines:
        assert officer.get(address.replace("&amp;", "&")).text.count('class="row-link"') == int(n)


def test_an_email_that_was_sent_again_no_longer_waits(officer, world):
    held = email(status="held")
    world.emails = [held, email(resend_of=held["id"])]

    assert "Rien n’attend" in text_of(officer.get("/console/").text)
    assert officer.get("/console/emails/?status=held").text.count('class="row-link"') == 1


def test_the_filter_offers_every_status_in_the_words_of_the_list(officer, world):
    for status in STATUSES:
        world.emails = [email(status=status)]
        page = officer.get(f"/console/emails/?status={status}").text

        (offered,) = re.findall(r'<option value="\w+" selected>([^<]+)</option>', page)
        (shown,) = re.findall(r'<span class="badge[^"]*">([^<]+)</span>', page)
        assert offered.strip() == shown.strip() != status


def test_an_email_sent_again_is_said_to_wait_as_its_page_says(officer, world):
    world.emails = [email(status="failed")]

    answer = officer.post(f"/console/emails/{world.emails[0]['id']}/resend", {"key": "once"})
    page = text_of(officer.get(answer.location).text)

    assert "Mis en file d’envoi." in page
    assert "en attente d’envoi" in page
    assert "Renvoyé" not in page


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (429, "resent_often", "il l’a été trois fois en 24 heures"),
        (429, "too_many", "Réessayez dans 2 min"),
        (409, "sign_in_link_not_resent", "un lien de connexion n’est envoyé qu’à qui le demande"),
        (409, "email_cannot_be_resent", "n’y a pas d’adresse où écrire"),
    ],
)
def test_what_is_not_sent_again_says_why(officer, world, status, code, sentence):
    def refuse(*_):
        raise problem(status, code, Retry_After=61)

    world.instead = [("POST", ".*/emails/[^/]+/resends", refuse)]
    page = f"/console/emails/{EMAIL_ID}"

    answer = officer.post(f"{page}/resend", {"key": "k" * 8})

    assert answer.status_code == 303 and answer.location.endswith(page)
    assert sentence in html.unescape(officer.get("/console/emails/").text)


@pytest.mark.parametrize(("template", "attached"), [("registration_confirmed", True), ("gift_thanks", False)])
def test_an_emails_page_says_that_a_calendar_file_goes_with_it(officer, world, template, attached):
    world.emails = [email(template=template)]

    page = officer.get(f"/console/emails/{world.emails[0]['id']}").text

    assert ("un fichier d’agenda" in text_of(page)) is attached
