"""Totals: what the gifts of a list add up to, in one line, as the columns of their export do."""

from itertools import groupby
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from web.ui.writing import exact_money, number

GIFTS = ("received", "refunded", "disputed", "awaiting")


def gift_count(totals: list[dict[str, Any]]) -> str:
    """Count and sum of what was received, went back and was kept; forms that nobody paid have no sum."""
    gifts = [each for each in totals if each["standing"] in GIFTS]
    unpaid = sum(each["count"] for each in totals) - sum(each["count"] for each in gifts)
    said = []
    if len(gifts) > 1:
        count = sum(each["count"] for each in gifts)
        said.append(ngettext("%(n)s gift", "%(n)s gifts", count, n=number(count)))
    for currency, lines in groupby(sorted(gifts, key=_currency), key=_currency):
        said += _sums(currency, {each["standing"]: each for each in lines})
    if unpaid:
        said.append(ngettext("%(n)s unpaid form", "%(n)s unpaid forms", unpaid, n=number(unpaid)))
    return " · ".join(said)


def _currency(line: dict[str, Any]) -> str:
    return str(line["currency"])


def _sums(currency: str, lines: dict[str, dict[str, Any]]) -> list[str]:
    """The sums of one currency. What went back was received before."""
    said = []
    came = [lines[standing] for standing in ("received", "refunded", "disputed") if standing in lines]
    count, minor, back, held = (
        sum(each[name] for each in came)
        for name in ("count", "amount_minor", "refunded_minor", "disputed_minor")
    )
    if came:
        words = _worded(count, minor, currency)
        said.append(ngettext("%(n)s received: %(sum)s", "%(n)s received: %(sum)s", count, **words))
    if back:
        said.append(_("refunded: %(sum)s", sum=exact_money(back, currency)))
    if held:
        said.append(_("disputed: %(sum)s", sum=exact_money(held, currency)))
    if back or held:
        said.append(_("kept: %(sum)s", sum=exact_money(minor - back - held, currency)))
    if late := lines.get("awaiting"):
        words = _worded(late["count"], late["amount_minor"], currency)
        said.append(_("%(n)s awaiting collection: %(sum)s", **words))
    return said


def _worded(count: int, minor: int, currency: str) -> dict[str, str]:
    return {"n": number(count), "sum": exact_money(minor, currency)}
