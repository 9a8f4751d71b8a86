"""Languages: which one a person reads, the words in it, and French typography.

Sources are English sentences; `words/fr.po` files are read straight at start, so that no compiled file
is ever out of step with what a translator wrote.
"""

from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from babel import support
from babel.messages import mofile, pofile
from flask import Flask, current_app, g, redirect, request
from flask_babel import Babel, Domain, get_locale

from shared.clock import ZONE
from shared.i18n import LOCALES as LANGUAGES
from shared.typography import french

COOKIE = "lang"
A_YEAR_S = 365 * 24 * 3600


def typo(text: str | None) -> str:
    """French typography when the page is in French; other languages stay as typed."""
    return french(text or "") if language() == "fr" else text or ""


def language() -> str:
    """The language of this request, `fr` or `en`."""
    return str(get_locale() or LANGUAGES[0])


def in_language(words: dict | str | None) -> str:
    """The text of a `{fr, en}` pair in the language of this request, or the other one when it is empty."""
    if not isinstance(words, dict):
        return typo(words)
    return typo(words.get(language()) or next((text for text in words.values() if text), ""))


class PoDomain(Domain):
    """Translations read from the .po files of web, every face's own words together."""

    def __init__(self, folders: list[Path]):
        super().__init__()
        self.folders = folders

    def get_translations(self):
        code = language()
        if code not in self.cache:
            self.cache[code] = self._read(code)
        return self.cache[code]

    def _read(self, code: str) -> support.NullTranslations:
        translations = support.Translations()
        for path in (folder / f"{code}.po" for folder in self.folders):
            if path.exists():
                translations.merge(_parsed(path, code))
        return translations


class PoBabel(Babel):
    """flask-babel, with our domain instead of compiled catalogues."""

    @cached_property
    def domain_instance(self):
        here = Path(__file__).parent
        return PoDomain(sorted(path for path in here.glob("*/words") if path.is_dir()))


def speak(app: Flask) -> None:
    """Teach the application its languages, and let `?lang=` choose one for good."""
    babel = PoBabel(app, default_locale="fr", default_timezone=ZONE.key, locale_selector=_chosen)
    with app.test_request_context():
        for code in LANGUAGES:
            g.language = code
            babel.domain_instance.get_translations()
    app.before_request(_choose)
    app.jinja_env.filters.update(typo=typo, words=in_language)
    app.jinja_env.globals.update(language=language, languages=LANGUAGES, in_other_language=_here_in)


def _chosen() -> str:
    if getattr(g, "language", None):
        return g.language
    if (kept := request.cookies.get(COOKIE)) in LANGUAGES:
        return kept
    person = getattr(getattr(g, "visitor", None), "person", None) or {}
    if person.get("locale") in LANGUAGES:
        return person["locale"]
    return request.accept_languages.best_match(LANGUAGES, default=LANGUAGES[0])


def by_address(view):
    """Mark a view that speaks the language of its address, and has nobody's choice kept."""
    view.speaks_by_address = True
    return view


def _choose():
    """A page asked with `?lang=` is the same page without it, and the choice is kept for a year."""
    wanted = request.args.get("lang")
    if request.method != "GET" or wanted not in LANGUAGES:
        return None
    if hasattr(current_app.view_functions.get(request.endpoint or ""), "speaks_by_address"):
        return None
    answer = redirect(_here_without_lang() or "/", code=303)
    answer.set_cookie(COOKIE, wanted, max_age=A_YEAR_S, samesite="Lax", secure=True, path="/")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _here_without_lang() -> str:
    rest = [(k, v) for k, v in parse_qsl(request.query_string.decode("latin-1")) if k != "lang"]
    path = "/" + request.path.lstrip("/\\")
    return f"{path}?{urlencode(rest)}" if rest else path


def _here_in(code: str) -> str:
    """The address of the page being read, in another language."""
    here = getattr(g, "page_address", None) or _here_without_lang()
    return f"{here}{'&' if '?' in here else '?'}lang={code}"


@cache
def _parsed(path: Path, code: str) -> support.Translations:
    with path.open("rb") as file:
        catalogue = pofile.read_po(file, locale=code)
    if code == "fr":
        for message in catalogue:
            message.string = _typeset(message.string)
    compiled = BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return support.Translations(compiled)


def _typeset(words):
    return tuple(french(each) for each in words) if isinstance(words, (tuple, list)) else french(words)
