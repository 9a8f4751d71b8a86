"""What the letters say and how they are made."""

import re
from html.parser import HTMLParser

import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from services.notify import templates
from shared.money import format_money

CASES = [(name, locale) for name in templates.NAMES for locale in ("fr", "en")]


def _facts(locale, **values):
    return {
        "school": "Université de Valmont",
        "given_name": "Claire",
        "amount": format_money(123_450, "EUR", locale),
        "refund": format_money(5_000, "EUR", locale),
        "campaign": "Bourses 2026",
        "entity": "Fondation de Valmont",
        "day": "23 novembre 2026",
        "receiptable": True,
        "gift_url": "https://amicale.test/l/gift/1",
        "campaign_url": "https://amicale.test/campaigns/bourses",
        "declined": True,
        "debit_day": "25 novembre 2026",
        "mandate": "8F3A91C2D4E5F607",
        "creditor_id": "FR72ZZZ123456",
        "last4": "2606",
        "partly": False,
        "left": "",
        "reason": "erreur",
        "until": "23 novembre 2026 à 15:05",
        "link": "https://amicale.test/sign-in/1",
        "event": "Dîner des anciens" if locale == "fr" else "Alumni dinner",
        "event_url": "https://amicale.test/events/diner",
        "when": "samedi 12 juin 2027",
        "place": "Maison des anciens",
        "people": ["Claire Dupont", "Paul Martin"],
        "seats": 2,
        "registration_url": "https://amicale.test/l/registration/1",
        "online_url": "",
        "note": "",
        "reference": "0199",
        "number": "FUV-2026-000042",
        "period": "23 novembre 2026",
        "replaces": "",
        "replaced_by": "",
        **values,
    }


class _Words(HTMLParser):
    def __init__(self):
        super().__init__()
        self.words, self.links, self.hidden = [], [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "title")
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "title")

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


def _read(html):
    reader = _Words()
    reader.feed(html)
    return " ".join(" ".join(reader.words).split(" ")), reader.links


@pytest.mark.parametrize(("name", "locale"), CASES)
def test_each_letter_has_one_action_at_most_and_loads_nothing_from_outside(name, locale):
    letter = templates.render(name, locale, _facts(locale))

    _, links = _read(letter.html)
    assert len(links) <= 1 and all(link.startswith("https://amicale.test/") for link in links)
    assert not re.search(r"<(img|link|script|iframe)\b|@import|url\(", letter.html)
    assert f'lang="{locale}"' in letter.html and "prefers-color-scheme" in letter.html
    assert "max-width:600px" in letter.html


@pytest.mark.parametrize(("name", "locale"), CASES)
def test_text_and_html_say_the_same(name, locale):
    letter = templates.render(name, locale, _facts(locale))

    words, links = _read(letter.html)
    for link in links:
        assert link in letter.text
    sentences = [line for line in letter.text.split("\n") if len(line) > 60 and "http" not in line]
    assert sentences
    for sentence in sentences:
        assert sentence.split(": ")[-1] in words, sentence
    assert "{{" not in letter.text + letter.html + letter.subject


@pytest.mark.parametrize("name", templates.NAMES)
def test_french_has_no_breaking_space_before_its_marks_and_no_straight_apostrophe(name):
    letter = templates.render(name, "fr", _facts("fr"))

    for part in (letter.subject, letter.text, _read(letter.html)[0]):
        prose = re.sub(r"https?://\S+", "", part)
        assert not re.search(r" [?!;:»€]|« ", prose), prose
        assert "'" not in prose
        assert not re.search(r"\d[  ]\d{3}[  ]?€".replace("  ", " "), prose)


def test_what_is_filled_in_is_escaped_in_html_and_plain_in_text():
    evil = '<b onclick="x">&'
    letter = templates.render("gift_received", "fr", _facts("fr", campaign=evil, given_name="{{ 7*7 }}"))

    assert evil not in letter.html and "&lt;b onclick=" in letter.html
    assert evil in letter.text
    assert "49" not in letter.subject and "{{ 7*7 }}" in letter.subject


def test_a_link_cannot_leave_its_attribute():
    letter = templates.render("sign_in_link", "en", _facts("en", link='https://x/"><img src=x>'))

    assert "<img" not in letter.html


def test_templates_are_sandboxed_and_a_missing_fact_is_an_error():
    with pytest.raises(SecurityError):
        templates._html.from_string("{{ ''.__class__.__mro__ }}").render()
    with pytest.raises(UndefinedError):
        templates.render("gift_received", "fr", {"school": "V", "given_name": ""})


def test_a_subject_is_one_line_whatever_is_filled_in():
    letter = templates.render("gift_received", "fr", _facts("fr", given_name="A\r\nBcc: b\x00\u2028c"))

    assert letter.subject.startswith("Merci A Bcc: b c, votre don")


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_someone_without_a_name_is_thanked_all_the_same(locale):
    letter = templates.render("gift_received", locale, _facts(locale, given_name=""))

    assert letter.subject.startswith(("Merci, votre don", "Thank you, your gift"))
