"""Rate limits: counted once for all processes, kept when the caller's transaction is not."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from shared.limits import Limit, TooMany, forget, limit, limits, network
from shared.schema import rate_limits
from tests.support.small.models import Transaction, database


def take(key: str = "ada@example.org", most: int = 3) -> bool:
    try:
        limit(database.engine, "sign-in", key, most=most, per_s=60)
    except TooMany:
        return False
    return True


def test_past_the_most_it_is_refused_and_says_for_how_long(small: Flask) -> None:
    assert [take() for _ in range(5)] == [True, True, True, False, False]
    with pytest.raises(TooMany) as refused:
        limit(database.engine, "sign-in", "ada@example.org", most=3, per_s=60)
    assert 1 <= (refused.value.retry_after_s or 0) <= 60


def test_each_key_has_its_own(small: Flask) -> None:
    assert all(take(f"p{number}", most=1) for number in range(5))


def test_a_new_window_begins_when_the_old_has_ended(small: Flask) -> None:
    assert [take(most=1), take(most=1)] == [True, False]
    with Transaction() as session:
        session.execute(update(rate_limits).values(window_started_at=text("now() - interval '61 seconds'")))

    assert take(most=1)


def test_many_at_once_are_counted_exactly(small: Flask) -> None:
    with ThreadPoolExecutor(8) as pool:
        let_in = sum(pool.map(lambda _: take(most=20), range(60)))

    assert let_in == 20


def test_many_of_one_request_are_counted_and_refused_in_their_own_words(small: Flask) -> None:
    class TooManySeats(TooMany):
        """Many seats."""

    def seats(many: int) -> None:
        limits(database.engine, [Limit("seats", "home", most=5, per_s=60, many=many, refusal=TooManySeats)])

    seats(3)
    seats(2)
    with pytest.raises(TooManySeats):
        seats(1)


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:bbbb:0:0:9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_an_ipv6_caller_is_known_by_the_network_they_hold(address: str, same: str) -> None:
    assert network(address) == same


def test_no_address_stands_in_the_table(small: Flask) -> None:
    take()
    with Transaction() as session:
        assert "ada" not in str(session.execute(select(rate_limits)).all())


def test_a_count_in_a_session_goes_with_its_transaction(small: Flask) -> None:
    with pytest.raises(RuntimeError), Transaction() as session:
        limit(session, "sign-in", "x", most=1, per_s=60)
        raise RuntimeError
    with Transaction() as session:
        limit(session, "sign-in", "x", most=1, per_s=60)


def test_old_windows_are_forgotten(small: Flask) -> None:
    take("old")
    with Transaction() as session:
        session.execute(update(rate_limits).values(window_started_at=text("now() - interval '3 days'")))
    take("new")
    with Transaction() as session:
        assert forget(session) == 1


def test_over_http_it_is_429_with_retry_after(small: Flask) -> None:
    small.config["NOTES_MOST"] = 1
    client = small.test_client()
    answers = [
        client.post(
            "/api/v1/small/notes", json={"text": "a"}, headers={"Idempotency-Key": f"key-000{number}"}
        )
        for number in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 429]
    assert answers[1].get_json(force=True)["code"] == "too_many"
    assert answers[1].headers["Retry-After"]


def several(home: str, email: str) -> None:
    limits(database.engine, [Limit("home", home, most=2, per_s=60), Limit("email", email, most=3, per_s=60)])


def counted() -> list[int]:
    with Transaction() as session:
        return sorted(session.execute(select(rate_limits.c.taken)).scalars())


def test_several_are_counted_together_and_any_may_refuse(small: Flask) -> None:
    for number in range(3):
        several(f"10.0.0.{number}", "ada@example.org")
    with pytest.raises(TooMany) as refused:
        several("10.0.0.9", "ada@example.org")

    assert 1 <= (refused.value.retry_after_s or 0) <= 60
    assert counted() == [1, 1, 1, 1, 4]


def test_what_comes_after_the_one_that_refuses_is_not_counted(small: Flask) -> None:
    for number in range(5):
        with suppress(TooMany):
            several("10.0.0.1", f"p{number}@example.org")

    assert counted() == [1, 1, 5]


def test_several_at_once_are_counted_exactly(small: Flask) -> None:
    def ask(number: int) -> bool:
        try:
            several(f"10.0.{number}.1", "ada@example.org")
        except TooMany:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(40))) == 3
