"""Registration limits: who would fill a hall, or somebody's mailbox, is slowed.

Counted by network, and by the address typed. What a guest takes away are seats, so that these are counted;
who is signed in has one registration of each event. Nothing counts everyone together: a popular event is not
an attack, nor is a school behind one address.
"""

from typing import Any

from sqlalchemy import Connection

from shared.auth import Caller
from shared.limits import Limit, TooMany, limits, network
from shared.names import fold

WINDOW_S = 600
REQUESTS_OF_A_NETWORK, SEATS_OF_A_NETWORK = 60, 60
REQUESTS_OF_A_MAILBOX, SEATS_OF_A_MAILBOX = 10, 40


class TooManySeats(TooMany):
    """Many seats were taken from this network, or with this address, in a short time; sign in, or wait."""


def slow_down(each: Connection, who: Caller, wish: dict[str, Any], seats: int) -> None:
    """Count one registration of so many seats; TooMany, or TooManySeats for a guest, past what is usual."""
    home, is_guest = network(who.address), who.person_id is None
    counted = [Limit("events.address", home, most=REQUESTS_OF_A_NETWORK, per_s=WINDOW_S)]
    if is_guest:
        counted.append(_of_seats("events.seats", home, SEATS_OF_A_NETWORK, seats))
    if wish.get("email"):
        mailbox = _mailbox(wish["email"])
        counted.append(Limit("events.email", mailbox, most=REQUESTS_OF_A_MAILBOX, per_s=WINDOW_S))
        if is_guest:
            counted.append(_of_seats("events.email_seats", mailbox, SEATS_OF_A_MAILBOX, seats))
    limits(each, counted)


def _of_seats(bucket: str, key: str, most: int, seats: int) -> Limit:
    return Limit(bucket, key, most=most, per_s=WINDOW_S, many=seats, refusal=TooManySeats)


def _mailbox(email: str) -> str:
    """Where an address is read: ada+dinner@example.org and ada@example.org are one."""
    local, _, domain = email.rpartition("@")
    return fold(f"{local.partition('+')[0]}@{domain}")
