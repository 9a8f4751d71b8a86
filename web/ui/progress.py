"""How far a campaign is: gifts, and what came before its start, held against its goals."""

from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask_babel import gettext as _
from flask_babel import ngettext

from web.ui.writing import money, number, percent


def teach(app: Flask) -> None:
    """Make these words known to templates."""
    app.jinja_env.filters.update(progress=of)


@dataclass(frozen=True)
class Progress:
    """Sums with the start, beside the goals; a goal of 0 is none."""

    minor: int
    donors: int
    goal_minor: int
    goal_donors: int
    start_minor: int
    start_donors: int
    currency: str

    @property
    def done(self) -> int:
        """How far it is towards the goal that counts: that in money where there is one."""
        return self.minor if self.goal_minor else self.donors

    @property
    def goal(self) -> int:
        """The goal that counts."""
        return self.goal_minor or self.goal_donors

    @property
    def is_reached(self) -> bool:
        """Whether that goal is reached."""
        return self.done >= self.goal

    @property
    def of_goal(self) -> str:
        """That goal in words: of 120 000 €; of 600 donors."""
        if self.goal_minor:
            return _("of %(goal)s", goal=money(self.goal_minor, self.currency))
        return ngettext("of %(n)s donor", "of %(n)s donors", self.goal_donors, n=number(self.goal_donors))

    @property
    def share(self) -> str:
        """How much of that goal: 73 %."""
        return percent(self.done, self.goal)

    @property
    def start(self) -> str:
        """What came before, in a sentence; nothing where nothing did."""
        if not self.start_minor:
            return self._start_of_donors()
        if not self.start_donors:
            return _("Of which %(amount)s came before the start.", amount=self._start_money())
        return ngettext(
            "Of which %(amount)s from %(n)s donor came before the start.",
            "Of which %(amount)s from %(n)s donors came before the start.",
            self.start_donors,
            amount=self._start_money(),
            n=number(self.start_donors),
        )

    def _start_money(self) -> str:
        return money(self.start_minor, self.currency)

    def _start_of_donors(self) -> str:
        if not self.start_donors:
            return ""
        return ngettext(
            "Of whom %(n)s donor came before the start.",
            "Of whom %(n)s donors came before the start.",
            self.start_donors,
            n=number(self.start_donors),
        )


def of(campaign: dict[str, Any], total: dict[str, Any] | None = None) -> Progress:
    """How far a campaign is, by its running `total` where that is newer."""
    told = total or campaign
    return Progress(
        minor=told["raised_minor"] + told["start_minor"],
        donors=told["donors_count"] + told["start_donors"],
        goal_minor=told["goal_minor"],
        goal_donors=told["goal_donors"],
        start_minor=told["start_minor"],
        start_donors=told["start_donors"],
        currency=told["currency"],
    )
