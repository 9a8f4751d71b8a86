"""French and English: words of both, and how dates are written."""

from datetime import UTC, date, datetime

from shared.i18n import format_day, format_moment, words


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
