"""From a payment accepted to the email sent, the webhook delivered, the total moved: 500 gifts.

    python -m bench.gift [gifts] [per second]

The whole local stack runs, started for this; every time is taken on one clock: when the provider's page
answered the donor, when the mailbox and the partner's receiver had the whole of what they got, and when the
public total, asked every 20 ms, first counted the gift. The goal is p99 < 1 s for each.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.ground import percentile
from tests.support.donor import Donor, eventually, mailbox, received
from tests.support.stack import RunningStack, running_stack

GIFTS, PER_S = 500, 10.0


def main(gifts: int = GIFTS, per_s: float = PER_S) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as stack:
        time.sleep(5)
        campaign = Donor(stack).campaign()["id"]
        donors = [Donor(stack) for _ in range(gifts)]
        with ThreadPoolExecutor(4) as pool:
            begun = list(pool.map(lambda donor: donor.begin_at_last(donor.wish(5_000, campaign)), donors))
        with watching(stack, campaign) as counted:
            paid = pay(donors, begun, per_s)
            arrived = arrivals(stack, set(paid))
            eventually(lambda: len(counted) >= gifts, within_s=60)
        report(paid, arrived, counted)


def pay(donors: list[Donor], begun: list[dict[str, Any]], per_s: float) -> dict[str, float]:
    """Pay at a steady rate; when each payment was accepted, by the donor's address."""
    paid: dict[str, float] = {}
    start = time.time()

    def press(number: int) -> None:
        time.sleep(max(0.0, start + number / per_s - time.time()))
        donors[number].press_at_last(begun[number]["checkout_url"])
        paid[donors[number].email] = time.time()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(press, range(len(donors))))
    return paid


def arrivals(stack: RunningStack, donors: set[str]) -> dict[str, dict[str, float]]:
    """When the email and the webhook of each donor had arrived."""

    def all_there() -> dict[str, dict[str, float]] | None:
        emails = {to: each["at"] for each in mailbox(stack) for to in each["recipients"] if to in donors}
        partner: dict[str, float] = {}
        for each in received(stack)["items"]:
            for email in donors.intersection(_addresses(each["body"])):
                partner[email] = min(partner.get(email, each["at"]), each["at"])
        complete = donors <= set(emails) and donors <= set(partner)
        return {"email": emails, "webhook": partner} if complete else None

    return eventually(all_there, within_s=120, every_s=1)


def _addresses(body: str) -> set[str]:
    import json

    return {str(json.loads(body)["data"].get("email"))}


@contextmanager
def watching(stack: RunningStack, campaign: str) -> Iterator[list[float]]:
    """The moments at which the public total first counted one gift more."""
    donor, over, moments = Donor(stack), threading.Event(), list[float]()
    before = donor.total(campaign)["donations_count"]

    def watch() -> None:
        while not over.wait(0.02):
            moved = donor.total(campaign)["donations_count"] - before - len(moments)
            moments.extend([time.time()] * moved)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield moments
    finally:
        over.set()
        thread.join()


def report(paid: dict[str, float], arrived: dict[str, dict[str, float]], counted: list[float]) -> None:
    """One line for each of the three."""
    for name, times in arrived.items():
        _line(name, [times[email] - at for email, at in paid.items()])
    _line("total", [seen - at for seen, at in zip(sorted(counted), sorted(paid.values()), strict=False)])


def _line(name: str, seconds: list[float]) -> None:
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    print(
        f"payment accepted → {name}: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, "
        f"most {max(seconds) * 1000:.0f} ms over {len(seconds)} gifts (goal p99 < 1000 ms)"
    )


if __name__ == "__main__":
    main(*(kind(told) for kind, told in zip((int, float), sys.argv[1:], strict=False)))
