"""Rows: what one line of a registrar's file says of a person, or why it cannot be taken."""

import re
from datetime import UTC, date, datetime
from typing import Any

from email_validator import EmailNotValidError, validate_email

from services.directory.models import LOCALES
from services.directory.names import in_letters, is_garbled
from shared.bodies import holds_card_number
from shared.names import LENGTH_MAX, is_name, is_too_long, tidy
from shared.spreadsheets import FORMULA

YEARS_AHEAD = 8
LONGEST = 200
"""Letters of the longest text that any cell may hold, which is the name of a degree."""
_ID = re.compile(r"[^\W_][\w./ -]{0,63}")
_ID_AS_NUMBER = re.compile(r"\d([.,]\d+)?[eE]\+\d+")
_YEARS = re.compile(r"(\d{4})(?:\s*[/-]\s*(\d{4}))?")
_DATES = ("%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d")
_YES_NO = {
    "o": "",
    "oui": "",
    "y": "",
    "yes": "",
    "1": "",
    "": "",
    "n": "no",
    "non": "no",
    "no": "no",
    "0": "no",
}

REASONS = {
    "row_damaged": (
        "Cette ligne contient un octet nul : le fichier a été abîmé.",
        "This row holds a null byte: the file was damaged.",
    ),
    "text_too_long": (
        "Une cellule contient un texte bien trop long.",
        "A cell holds a text that is far too long.",
    ),
    "cells_missing": ("Il manque des cellules à cette ligne.", "This row has too few cells."),
    "cells_too_many": ("Cette ligne a des cellules en trop.", "This row has too many cells."),
    "school_id_missing": ("Le numéro d’étudiant est vide.", "The student number is empty."),
    "school_id_unreadable": (
        "Le numéro d’étudiant n’est pas lisible (réécrit par un tableur ?).",
        "The student number cannot be read (rewritten by a spreadsheet?).",
    ),
    "given_name_missing": ("Le prénom est vide.", "The first name is empty."),
    "family_name_missing": ("Aucun nom de famille.", "There is no family name."),
    "name_garbled": (
        "Un nom a perdu des lettres (« ? » ou « Ã© ») quand ce fichier a été produit.",
        "A name lost letters (“?” or “Ã©”) when this file was made.",
    ),
    "name_unfit": (
        "Un nom contient un chiffre, un signe qu’aucun nom ne contient, un point suivi d’une lettre, ou plus"
        " de 100 lettres.",
        "A name holds a figure, a sign that no name holds, a full stop before a letter, or more than 100"
        " letters.",
    ),
    "born_on_impossible": ("La date de naissance n’existe pas.", "The date of birth does not exist."),
    "class_year_unreadable": (
        "L’année du diplôme n’est pas une année possible.",
        "The year of the degree is not a possible year.",
    ),
    "degree_incomplete": (
        "Un diplôme demande un intitulé et une année.",
        "A degree needs both a programme and a year.",
    ),
    "email_unreadable": ("L’adresse électronique n’en est pas une.", "The email address is not one."),
    "city_unfit": ("La ville n’est pas lisible.", "The city cannot be read."),
    "locale_unknown": ("La langue n’est ni fr ni en.", "The language is neither fr nor en."),
    "contact_unreadable": (
        "L’accord de contact n’est ni O ni N.",
        "Whether the person may be contacted is neither Y nor N.",
    ),
    "card_number": (
        "Une cellule contient un numéro de carte bancaire.",
        "A cell holds what looks like a payment card number.",
    ),
    "disagrees": (
        "Une ligne précédente donne une autre identité à ce numéro d’étudiant.",
        "An earlier row gives this student number another identity.",
    ),
}


class RowRefused(Exception):
    """The row cannot be taken; `code` is one of REASONS."""

    def __init__(self, code: str) -> None:
        assert code in REASONS, code
        self.code = code
        super().__init__(code)


def understand(cells: list[str], fields: dict[str, int], *, width: int, today: date) -> dict[str, Any]:
    """What the row says, as JSON values: school_id, names, born_on, degree, email, city, locale, objects.

    Nothing is guessed: RowRefused names the first thing that cannot be taken as it stands.
    """
    if len(cells) < width:
        raise RowRefused("cells_missing")
    if any(cell.strip() for cell in cells[width:]):
        raise RowRefused("cells_too_many")
    if any("\x00" in cell for cell in cells):
        raise RowRefused("row_damaged")
    if any(is_too_long(cells[at], most=LONGEST) for at in fields.values()):
        raise RowRefused("text_too_long")
    told = {field: tidy(cells[at]) for field, at in fields.items()}
    if any(holds_card_number(text) for field, text in told.items() if field != "school_id"):
        raise RowRefused("card_number")
    wish = {"school_id": _school_id(told.get("school_id", "")), **_names(told)}
    wish["born_on"] = _born_on(told.get("born_on", ""), today)
    wish["degree"] = _degree(told.get("programme", ""), told.get("class_year", ""), today)
    wish["email"] = _email(told.get("email", ""))
    wish["city"] = _plain(told.get("city", ""), "city_unfit")
    wish["locale"] = _locale(told.get("locale", ""))
    wish["objects"] = _objects(told.get("contact", ""))
    return {name: value for name, value in wish.items() if value not in (None, "", False)}


def _school_id(text: str) -> str:
    if not text:
        raise RowRefused("school_id_missing")
    if _ID_AS_NUMBER.fullmatch(text) or not _ID.fullmatch(text):
        raise RowRefused("school_id_unreadable")
    return text


def _names(told: dict[str, str]) -> dict[str, str]:
    names = {
        name: _name(told.get(name, ""))
        for name in ("given_name", "preferred_name", "family_name", "birth_name")
    }
    birth, usage = names["birth_name"], names["family_name"]
    if not names["given_name"]:
        raise RowRefused("given_name_missing")
    if not (usage or birth):
        raise RowRefused("family_name_missing")
    names["family_name"] = in_letters(usage or birth, like=birth)
    names["birth_name"] = in_letters(birth, like=usage)
    if names["birth_name"].casefold() == names["family_name"].casefold():
        names["birth_name"] = ""
    names["given_name"] = in_letters(names["given_name"])
    return names


def _name(text: str) -> str:
    if is_garbled(text):
        raise RowRefused("name_garbled")
    if text and not is_name(text):
        raise RowRefused("name_unfit")
    return _plain(text, "name_unfit")


def _plain(text: str, code: str, *, most: int = LENGTH_MAX) -> str:
    if text.startswith(FORMULA) or len(text) > most or not text.isprintable():
        raise RowRefused(code)
    return text


def _born_on(text: str, today: date) -> str | None:
    if not text:
        return None
    for form in _DATES:
        try:
            day = datetime.strptime(text, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
        if date(1880, 1, 1) <= day <= today:
            return day.isoformat()
    raise RowRefused("born_on_impossible")


def _degree(programme: str, year: str, today: date) -> list[Any] | None:
    """The programme and the year it was obtained in: the later one of an academic year (1986/1987)."""
    if not programme and not year:
        return None
    if not programme or not year:
        raise RowRefused("degree_incomplete")
    found = _YEARS.fullmatch(year)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if last - first not in (0, 1) or not 1900 <= last <= today.year + YEARS_AHEAD:
        raise RowRefused("class_year_unreadable")
    return [_plain(programme, "degree_incomplete", most=LONGEST), last]


def _email(text: str) -> str | None:
    if not text:
        return None
    try:
        address = validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise RowRefused("email_unreadable") from None
    return address


def _locale(text: str) -> str | None:
    code = {"français": "fr", "french": "fr", "anglais": "en", "english": "en"}.get(
        text.lower(), text.lower()[:2]
    )
    if text and code not in LOCALES:
        raise RowRefused("locale_unknown")
    return code or None


def _objects(text: str) -> bool:
    if text.lower() not in _YES_NO:
        raise RowRefused("contact_unreadable")
    return _YES_NO[text.lower()] == "no"
