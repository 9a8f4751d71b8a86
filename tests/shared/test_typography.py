"""French text keeps its marks on the line of their word, and nothing else is touched."""

import pytest

from shared.typography import french


@pytest.mark.parametrize(
    ("typed", "set"),
    [
        ("Déjà donné ? Merci !", "Déjà donné\u202f? Merci\u202f!"),
        ("Pour : « Bourses » ; suite", "Pour\u202f: «\u202fBourses\u202f»\u202f; suite"),
        ("Pour\u00a0: «\u00a0Bourses\u00a0»", "Pour\u202f: «\u202fBourses\u202f»"),
        ("l'été d'<b>Aude</b>", "l’été d’<b>Aude</b>"),
        ("120 € et 66 % de 1 234 567 €", "120\u00a0€ et 66\u202f% de 1\u202f234\u202f567\u00a0€"),
        ("Merci !", "Merci\u202f!"),
        ("promotion 2026 la recevront", "promotion 2026 la recevront"),
        ("<b>Pour</b> : 5", "<b>Pour</b>\u202f: 5"),
    ],
)
def test_plainly_typed_french_is_set(typed: str, set: str) -> None:
    assert french(typed) == set


@pytest.mark.parametrize(
    "text",
    [
        "https://amicale.example/a?b=1",
        "à 10:42",
        "{{ name }}, {% if a != 'b' and n > 100 %}x{% endif %}",
        '<td width="10 200" title="a ? b">x</td>',
        "Une phrase sans rien, sinon une virgule.",
    ],
)
def test_addresses_times_tags_and_templates_are_left_alone(text: str) -> None:
    assert french(text) == text


def test_what_is_set_once_stays_as_it_is() -> None:
    once = french("Qui ? « Moi » : 1 000 €")

    assert french(once) == once
