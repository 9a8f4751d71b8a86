"""Charts drawn on the server as SVG coordinates; templates put the lines and the words around them."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from shared import clock
from web.ui.writing import today

WIDTH, HEIGHT = 640, 230
LEFT, TOP, RIGHT, BOTTOM = 64, 10, 8, 26


def cumulative(curve: list[dict[str, Any]], campaign: dict[str, Any]) -> dict[str, Any] | None:
    """The total by day against what gifts have to bring, with the linear pace while it is live; None without
    a gift.
    """
    if not curve:
        return None
    first, last, until = _days(curve, campaign)
    goal = max(campaign["goal_minor"] - campaign["start_minor"], 0)
    drawn, place = _drawn(curve, first, last, until, highest=goal)
    pace = (*place(first, 0), *place(last, goal)) if campaign["status"] == "live" and goal else None
    return drawn | {"pace": pace}


def monthly(month: dict[str, Any]) -> dict[str, Any] | None:
    """The sum of a month by day, over the whole month; None without a gift."""
    if not month["curve"]:
        return None
    first, last = date.fromisoformat(month["first"]), date.fromisoformat(month["last"])
    drawn, _place = _drawn(month["curve"], first, last, today())
    return drawn | {"pace": None}


def _drawn(
    curve: list[dict[str, Any]], first: date, last: date, until: date, *, highest: int = 1
) -> tuple[dict[str, Any], Callable[[date, int], tuple[float, float]]]:
    """Line, area, grid and dot of a rising sum, and where a day and an amount stand on it."""
    top = _round_up(max(highest, 1, *(point["raised_minor"] for point in curve)))

    def place(day: date, minor: int) -> tuple[float, float]:
        share = (day - first).days / max(1, (last - first).days)
        x = LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)
        return round(x, 1), round(HEIGHT - BOTTOM - minor / top * (HEIGHT - TOP - BOTTOM), 1)

    points = [place(first, 0)]
    for each in curve:
        x, y = place(date.fromisoformat(each["on"]), each["raised_minor"])
        points += [(x, points[-1][1]), (x, y)]
    points.append((place(min(until, last), 0)[0], points[-1][1]))
    line = " ".join(f"{x},{y}" for x, y in points)
    floor = HEIGHT - BOTTOM
    return {
        "line": line,
        "area": f"{points[0][0]},{floor} {line} {points[-1][0]},{floor}",
        "end": points[-1],
        "grid": [(place(first, top * step // 4)[1], top * step // 4) for step in range(5)],
        "first": first,
        "last": last,
        "today": min(until, last),
        "rows": curve,
    }, place


def _days(curve: list[dict[str, Any]], campaign: dict[str, Any]) -> tuple[date, date, date]:
    until = today()
    if campaign["closed_at"]:
        until = min(until, clock.today(datetime.fromisoformat(campaign["closed_at"])))
    first = min(date.fromisoformat(curve[0]["on"]), date.fromisoformat(campaign["starts_on"]))
    latest = date.fromisoformat(curve[-1]["on"])
    last = date.fromisoformat(campaign["ends_on"])
    return first, max(last, latest), max(until, latest)


def _round_up(minor: int) -> int:
    """The next round number that four equal steps divide well: 4, 6, 8, 10, 12 … × a power of ten."""
    scale = 400
    while scale * 30 < minor:
        scale *= 10
    return -(-minor // scale) * scale
