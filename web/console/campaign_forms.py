"""The form that a campaign is written in: what was typed, in giving's words, and what is wrong with it."""

from typing import Any

from flask_babel import gettext as _

from web.clients import Problem
from web.console import campaign_periods
from web.ui import pictures
from web.ui.forms import Filled, euros, minor_units

TEXTS = ("title", "summary", "story", "surplus_use")
PAIRS = (*TEXTS, "unit_name")
SUMS = {"goal": "goal_minor", "start": "start_minor", "unit": "unit_minor"}
"""Fields that hold an amount in euros, and the service's name of it; empty is none."""
COUNTS = ("goal_donors", "start_donors", "units_promised")
COUNT_MOST = 10_000_000
ORDER = (
    *(f"{name}_{code}" for name in TEXTS[:3] for code in ("fr", "en")),
    *(
        "picture",
        "goal",
        "goal_donors",
        "suggested",
        "units_promised",
        "unit",
        "unit_name_fr",
        "unit_name_en",
    ),
    *("start", "start_donors", *campaign_periods.FIELDS, "fund_id", "surplus_use_fr", "surplus_use_en"),
)
"""The fields as the editor shows them, which is the order in which errors are summed up."""
FIELDS = {name: field for field, name in SUMS.items()} | {
    "suggested_minor": "suggested",
    "opens_at": "opens_hour",
    "closes_at": "closes_hour",
}


def read(form: Filled) -> dict[str, Any]:
    """The campaign that was typed; what is wrong is written into the form."""
    wish = {name: {code: form.value(f"{name}_{code}") for code in ("fr", "en")} for name in PAIRS}
    suggested = [minor_units(text) for text in _listed(form.value("suggested"))]
    if None in suggested:
        form.refuse("suggested", sentence("suggested"))
    for name in ("title_fr", "fund_id"):
        if not form.value(name):
            form.refuse(name, sentence(name))
    return wish | {
        "fund_id": form.value("fund_id"),
        **_goals(form),
        "currency": "EUR",
        **campaign_periods.read(form),
        "suggested_minor": suggested,
        "picture": form.value("picture", pictures.NAMES[0]),
    }


def _goals(form: Filled) -> dict[str, int]:
    """Amounts and counts; a goal of nothing is no goal, and is not typed as 0."""
    sums = {name: _sum(form, field) for field, name in SUMS.items()}
    counts = {name: _count(form, name) for name in COUNTS}
    for field in ("goal", "goal_donors"):
        if form.value(field) and not {**sums, **counts}[SUMS.get(field, field)]:
            form.refuse(field, sentence(field))
    if not form.value("goal") and not form.value("goal_donors"):
        form.refuse("goal", _("Write a goal in euros, in donors, or both."))
    costs = sums["unit_minor"] * counts["units_promised"]
    if costs > sums["goal_minor"] and not form.error("goal"):
        form.refuse("units_promised", sentence("units_promised"))
    for field, other in (("unit", "units_promised"), ("units_promised", "unit")):
        if form.value(field) and not form.value(other):
            form.refuse(other, _("With the number goes the cost of one, and with the cost the number."))
    return sums | counts


def _sum(form: Filled, field: str) -> int:
    typed = form.value(field)
    amount = minor_units(typed) if typed else 0
    if amount is None:
        form.refuse(field, sentence(field))
    return amount or 0


def _count(form: Filled, field: str) -> int:
    typed = "".join(form.value(field).split())
    if not typed:
        return 0
    if not (typed.isascii() and typed.isdigit() and len(typed) < 9 and int(typed) <= COUNT_MOST):
        form.refuse(field, sentence(field))
        return 0
    return int(typed)


def _listed(typed: str) -> list[str]:
    """Amounts with semicolons between them, or with spaces only."""
    return [each for each in typed.split(";") if each.strip()] if ";" in typed else typed.split()


def as_typed(campaign: dict[str, Any]) -> dict[str, str]:
    """A campaign as the editor's fields hold it."""
    typed = {f"{name}_{code}": campaign[name].get(code, "") for name in PAIRS for code in ("fr", "en")}
    return typed | {
        "fund_id": campaign["fund"]["id"] if campaign["fund"] else "",
        **{field: euros(campaign[name]) if campaign[name] else "" for field, name in SUMS.items()},
        **{name: str(campaign[name] or "") for name in COUNTS},
        "suggested": "; ".join(map(euros, campaign["suggested_minor"])),
        **campaign_periods.as_typed(campaign),
        "picture": campaign["picture"],
    }


def in_order(form: Filled) -> Filled:
    """The form, its errors in the order of its fields."""
    form.errors = dict(sorted(form.errors.items(), key=lambda each: _place(each[0])))
    return form


def _place(field: str) -> int:
    return ORDER.index(field) if field in ORDER else len(ORDER)


def refuse(form: Filled, problem: Problem) -> None:
    """Write into the form what the service refused, beside each field, or above all."""
    missing = problem.body.get("missing", []) if problem.code == "campaign_not_ready" else []
    for name in (*problem.fields, *missing):
        field = field_of(name)
        form.refuse(field, _("A public page needs this in both languages.") if missing else sentence(field))
    form.alert = "" if form.errors else conflict(problem)


def field_of(name: str) -> str:
    """The form's field for a name of the service: `title.fr` is title_fr, `suggested_minor.2` suggested."""
    first, _dot, rest = name.partition(".")
    return f"{first}_{rest}" if first in PAIRS and rest else FIELDS.get(first, first)


def sentence(field: str) -> str:
    """What is wrong with a field, in the words of the page."""
    count = _("Write a number in figures, like 600, or leave it empty.")
    return {
        "goal": _("Write the goal in figures, like 12000, or leave it empty when it is in donors."),
        "goal_donors": count,
        "start": _("Write an amount in figures, like 5000, or leave it empty."),
        "start_donors": count,
        "unit": _("Write what one costs in figures, like 400."),
        "units_promised": _(
            "Their number times what one costs is at most the goal in euros: change one of the three."
        ),
        "unit_name_fr": _("Write it in a word or two, of 60 letters at most."),
        "unit_name_en": _("Write it in a word or two, of 60 letters at most."),
        "suggested": _("Write six amounts at most, of at least one euro, with a semicolon between them."),
        "fund_id": _("Choose where the money goes."),
        "title_fr": _("Write a title in French: the address of the page is made from it."),
        **campaign_periods.sentences(),
    }.get(field) or _("This text cannot be kept as it is: shorten it, and take out any card number.")


def conflict(problem: Problem) -> str:
    """Why nothing was saved, where no field is to blame."""
    if problem.code == "campaign_taken":
        return _("Another campaign has this address: change the French title.")
    if problem.code == "launched_campaign_fixed":
        return _("Once launched, a campaign keeps its fund and its currency.")
    return _("This cannot be saved as it stands.")
