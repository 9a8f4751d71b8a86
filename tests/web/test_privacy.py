"""The page that says what is kept: nothing that the services do not carry out."""

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from services.directory import import_runs
from services.directory.models.sessions import ALUMNI_ABSOLUTE, LINK_LIVES
from services.giving import donations, provider_events
from shared import limits, retention


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_times_on_the_page_are_those_that_the_services_keep(browser, language):
    month = timedelta(days=30)
    by_law = ["10", "6"]

    page = browser.get("/privacy", **{"Accept-Language": language}).text
    listed = re.search(r'id="how-long".*?(?=<h2)', page, re.S)[0]
    times = re.findall(r"(\d+)(?:\s|&nbsp;)(?:jours|days|minutes|ans|years)", listed)

    assert times == [
        *(
            str(each.days)
            for each in (
                donations.ABANDONED_KEPT,
                provider_events.BODY_KEPT,
                retention.OUTBOX_CONTACT,
                retention.LETTER_CONTACT,
                import_runs.KEPT,
                month,
                ALUMNI_ABSOLUTE + month,
            )
        ),
        str(LINK_LIVES // timedelta(minutes=1)),
        str(limits.KEPT.days),
        *by_law,
    ]


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "fr",
            [
                "adresse que le bureau a corrigée ou retirée, une empreinte",
                "demander un lien de connexion, qu’elle ait un compte ici ou non",
                "Le journal des pages demandées\u202f: l’heure, la page",
                "selon sa taille et non selon le temps",
            ],
        ),
        (
            "en",
            [
                "address that the office corrected or removed, a fingerprint",
                "ask for a sign-in link, whether or not it has an account here",
                "The log of the pages asked for: the time, the page",
                "by its size, not by time",
            ],
        ),
    ],
)
def test_what_is_kept_of_who_has_no_account_or_only_looks_is_told_too(browser, language, told):
    page = html.unescape(browser.get("/privacy", **{"Accept-Language": language}).text)

    assert [sentence for sentence in told if sentence not in page] == []


def test_there_is_somebody_to_write_to(browser, app):
    office, officer = (f'href="mailto:{name}@valmont.example"' for name in ("anciens", "dpo"))

    assert officer in browser.get("/privacy").text
    assert office in browser.get("/legal").text
    assert office in browser.get("/nope").text

    app.extensions["settings"] = replace(app.extensions["settings"], dpo_email="")
    page = browser.get("/privacy").text
    assert office in page and officer not in page and "délégué" not in page
