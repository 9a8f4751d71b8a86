"""French and English: which one, and how dates are written."""

from datetime import UTC, date, datetime

import pytest

from shared.i18n import best, format_day, format_moment, words


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("en-GB", "en"),
        ("de,en;q=0.5,fr;q=0.4", "en"),
        ("de", "fr"),
        ("", "fr"),
        (None, "fr"),
        ("en;q=x,fr;q=0.1", "fr"),
        (",;,", "fr"),
    ],
)
def test_the_preferred_of_both_languages(header: str | None, locale: str) -> None:
    assert best(header) == locale


def test_words_fall_back_to_the_other_language() -> None:
    assert words({"fr": "don", "en": "gift"}, "en") == "gift"
    assert words({"fr": "don", "en": ""}, "en") == "don"
    assert words({"en": "gift"}, "fr") == "gift"
    assert words({}, "fr") == ""


def test_dates_are_written_as_people_write_them() -> None:
    moment = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)

    assert (format_day(date(2026, 11, 3), "fr"), format_day(date(2026, 11, 3), "en")) == (
        "3 novembre 2026",
        "3 November 2026",
    )
    assert format_moment(moment, "fr") == "24 novembre 2026 à 00:30"
    assert format_moment(moment, "en") == "24 November 2026 at 00:30"
