"""Who gives how much and when, in the demo: drawn, with the same result each time but for the day."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.giving import demo_campaigns as words
from services.giving.models import Campaign, Donor
from shared.addresses import is_printed
from shared.names import fold

AMOUNTS = [2000, 3000, 5000, 6000, 8000, 10000, 12000, 15000, 20000, 30000, 50000, 100000, 200000]
WEIGHTS = [8, 9, 18, 12, 8, 16, 12, 6, 7, 6, 4, 2, 1]


@dataclass(frozen=True)
class Planned:
    """One gift of the past, before it is made."""

    key: str
    campaign: Campaign
    amount_minor: int
    at: datetime
    person: Donor | None
    wish: dict[str, Any]
    card: str
    dice: random.Random


def plan(
    live: dict[str, tuple[Campaign, dict[str, Any]]], people: list[Donor], *, at: datetime
) -> Iterator[Planned]:
    """Every gift of every campaign: who, how much, when."""
    for slug, (campaign, told) in live.items():
        dice = random.Random(f"valmont {slug}")
        moments = _moments(dice, told, at)
        amounts = _amounts(dice, len(moments), told["raises_minor"])
        for number, (moment, amount) in enumerate(zip(moments, amounts, strict=True)):
            yield _planned(f"{slug}-{number}", campaign, amount, moment, people, dice)


def _moments(dice: random.Random, told: dict[str, Any], at: datetime) -> list[datetime]:
    """When gifts came: many at the launch, some on a giving day, more again before the end; by day."""
    first, last = told["starts"], min(told["ends"], 0)
    moments = []
    for _ in range(told["gifts"]):
        share = dice.choice(
            [dice.random(), dice.betavariate(1, 5), dice.betavariate(6, 1), 0.55 + dice.random() / 30]
        )
        day = (at + timedelta(days=first + share * (last - first))).replace(minute=dice.randrange(60))
        hour = dice.choice([7, 8, 11, 12, 13, 17, 18, 19, 20, 20, 21])
        moments.append(
            min(
                day.replace(hour=hour, second=dice.randrange(60)),
                at - timedelta(minutes=dice.randrange(9, 300)),
            )
        )
    opened = at + timedelta(days=first)
    return sorted(max(moment, opened + timedelta(minutes=5)) for moment in moments)


def _amounts(dice: random.Random, count: int, raises_minor: int) -> list[int]:
    """Amounts that people give, scaled so that they come near to a sum."""
    drawn = dice.choices(AMOUNTS, WEIGHTS, k=count)
    factor = raises_minor / sum(drawn)
    return [max(500, round(each * factor / 500) * 500) for each in drawn]


def _planned(
    key: str, campaign: Campaign, amount: int, at: datetime, people: list[Donor], dice: random.Random
) -> Planned:
    person = dice.choice(people) if people and dice.random() < 0.86 else None
    locale = person.locale if person else dice.choice(["fr", "fr", "fr", "en"])
    wish: dict[str, Any] = {"locale": locale, "country": dice.choice(["FR"] * 9 + ["BE", "CH", "GB", "DE"])}
    if person is None:
        given, family = dice.choice(words.GUESTS_GIVEN), dice.choice(words.GUESTS_FAMILY)
        wish |= {"given_name": given, "family_name": family, "email": _address(given, family)}
    elif person.email is None:
        wish["email"] = _address(person.given_name, person.family_name)
    address = dice.choice(words.STREETS)
    called = f"{person.given_name} {person.family_name}" if person else ""
    if wish["country"] == "FR" and number_of(key) % 5 and is_printed(called):
        wish["receipt_to"] = {"address": dict(address)}
    if dice.random() < 0.12:
        wish["message"] = dice.choice(words.MESSAGES[locale])
    return Planned(key, campaign, amount, at, person, wish, dice.choice(["visa", "visa", "mastercard"]), dice)


def number_of(key: str) -> int:
    """Which gift of its campaign: every fifth donor asks for no receipt."""
    return int(key.rpartition("-")[2])


def _address(given: str, family: str) -> str:
    name = fold(f"{given} {family}").replace(" ", ".")
    return f"{name.encode('ascii', 'ignore').decode()}@courriel.example"
