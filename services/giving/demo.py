"""The demo's data: two years of gifts, made through the use cases, with their counterpart at the sandbox.

    python -m services.giving.demo

Deterministic but for the day it is run; running it again adds what is missing and nothing else.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.giving import demo_campaigns as words
from services.giving import demo_payouts, drafts, launches
from services.giving.demo_gifts import give
from services.giving.demo_plan import plan
from services.giving.models import Campaign, Checkout, Donation, Donor, Entity, Fund, Transaction, database
from services.giving.settings import GivingSettings, use
from shared.clock import now, today
from shared.db import uuid7
from shared.progress import Progress

PEOPLE_EXPECTED, PATIENCE_S, QUIET_CHECKS = 1_900, 240.0, 4
BATCH = 100
DEEPER = ("goal_donors", "start_minor", "start_donors", "unit_minor", "units_promised", "unit_name")


@dataclass(frozen=True, kw_only=True)
class DemoSettings(GivingSettings):
    """The demo also knows who its member of staff is."""

    demo_staff_email: str = ""


def main() -> None:
    """The command."""
    told = use(DemoSettings.from_env("giving"))
    if not told.demo:
        raise SystemExit("The demo's data is made in a demo only (AMICALE_DEMO=1).")
    database.connect(told.database_url, pool_size=2)
    people = wait_for_people()
    at = now()
    made = make(people, told, at=at)
    paid_out = demo_payouts.make(at=at)
    print(f"{made} gifts by {len(people)} people and by guests, {paid_out} payouts to the bank")


def wait_for_people() -> list[Donor]:
    """The replica of the directory's people, once it has stopped growing."""
    deadline, before, quiet = time.monotonic() + PATIENCE_S, -1, 0
    progress = Progress(PEOPLE_EXPECTED, "people")
    while True:
        with Transaction() as session:
            count = session.execute(select(func.count()).where(Donor.version > 0)).scalar_one()
        quiet = quiet + 1 if count == before else 0
        if (count >= PEOPLE_EXPECTED and quiet >= QUIET_CHECKS) or time.monotonic() > deadline:
            break
        before = count
        progress.reached(min(count, PEOPLE_EXPECTED))
        time.sleep(0.5)
    with Transaction() as session:
        known = select(Donor).where(Donor.version > 0, Donor.merged_into.is_(None), Donor.family_name != "")
        order = (Donor.family_name, Donor.given_name, Donor.class_year, Donor.id)
        return list(session.execute(known.order_by(*order)).scalars())


def make(people: list[Donor], told: DemoSettings, *, at: datetime) -> int:
    """Entities, funds, campaigns, and every gift that is not there yet or has not ended; how many."""
    with Transaction() as session:
        live = found(session, at=at)
        ended = select(Donation.idempotency_key).where(
            Donation.caller == "demo",
            Donation.id.in_(select(Checkout.donation_id).where(Checkout.closed_at.is_not(None))),
        )
        known = set(session.execute(ended).scalars())
    gifts = sorted(plan(live, people, at=at), key=lambda gift: gift.at)
    missing = [gift for gift in gifts if gift.key not in known]
    staff, progress = _staff(people, told.demo_staff_email), Progress(len(missing), "gifts")
    made, left = 0, iter(missing)
    while batch := list(islice(left, BATCH)):
        made += give(batch, staff=staff)
        progress.reached(made)
    return made


def _staff(people: list[Donor], email: str) -> UUID:
    """Who refunded: the demo's member of staff, when the directory has them."""
    return next((each.id for each in people if email and each.email == email), uuid7())


def found(session: Session, *, at: datetime) -> dict[str, tuple[Campaign, dict[str, Any]]]:
    """Entities, funds and campaigns, made unless they are there; campaigns with what is planned for them."""
    entities = {
        each["slug"]: _once(session, Entity, {"slug": each["slug"]}, each, at) for each in words.ENTITIES
    }
    funds = {
        name: _once(session, Fund, {"name": name}, {"name": name, "entity_id": entities[entity].id}, at)
        for name, entity in words.FUNDS.items()
    }
    return {each["slug"]: (_campaign(session, each, funds, at), each) for each in words.CAMPAIGNS}


def _once(session: Session, model: Any, key: dict[str, str], values: dict[str, Any], at: datetime) -> Any:
    row = session.query(model).filter_by(**key).one_or_none()
    if row is None:
        row = model(id=uuid7(), created_at=at - timedelta(days=800), **values)
        session.add(row)
        session.flush()
    return row


def _campaign(session: Session, told: dict[str, Any], funds: dict[str, Any], at: datetime) -> Campaign:
    known = session.query(Campaign).filter_by(slug=told["slug"]).one_or_none()
    if known is not None:
        return known
    opened = at + timedelta(days=told["starts"])
    texts = ("slug", "title", "summary", "story", "surplus_use", "goal_minor", "suggested_minor", "picture")
    drafted = drafts.draft(
        session,
        by=None,
        at=opened - timedelta(days=7),
        fund_id=funds[told["fund"]].id,
        currency="EUR",
        starts_on=today(opened),
        ends_on=today(at + timedelta(days=told["ends"])),
        **{name: told[name] for name in (*texts, *DEEPER) if name in told},
    )
    return launches.launch(session, drafted.id, by=None, at=opened)


if __name__ == "__main__":
    main()
