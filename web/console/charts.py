"""Charts drawn on the server as SVG coordinates; templates put the lines and the words around them."""

from datetime import date, datetime
from typing import Any

from web.ui.writing import PARIS

WIDTH, HEIGHT = 640, 230
LEFT, TOP, RIGHT, BOTTOM = 64, 10, 8, 26


def cumulative(curve: list[dict[str, Any]], campaign: dict[str, Any]) -> dict[str, Any] | None:
    """The total by day against the goal, with the linear pace while it is live; None without a gift."""
    if not curve:
        return None
    first, last, today = _days(curve, campaign)
    top = _round_up(max(campaign["goal_minor"] or 0, 1, *(point["raised_minor"] for point in curve)))

    def place(day: date, minor: int) -> tuple[float, float]:
        share = (day - first).days / max(1, (last - first).days)
        x = LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)
        return round(x, 1), round(HEIGHT - BOTTOM - minor / top * (HEIGHT - TOP - BOTTOM), 1)

    points = [place(first, 0)]
    for each in curve:
        x, y = place(date.fromisoformat(each["on"]), each["raised_minor"])
        points += [(x, points[-1][1]), (x, y)]
    points.append((place(min(today, last), 0)[0], points[-1][1]))
    line = " ".join(f"{x},{y}" for x, y in points)
    floor = HEIGHT - BOTTOM
    return {
        "line": line,
        "area": f"{points[0][0]},{floor} {line} {points[-1][0]},{floor}",
        "end": points[-1],
        "pace": (*place(first, 0), *place(last, campaign["goal_minor"] or 0))
        if campaign["status"] == "live"
        else None,
        "grid": [(place(first, top * step // 4)[1], top * step // 4) for step in range(5)],
        "first": first,
        "last": last,
        "today": min(today, last),
        "rows": curve,
    }


def _days(curve: list[dict[str, Any]], campaign: dict[str, Any]) -> tuple[date, date, date]:
    today = datetime.now(PARIS).date()
    if campaign["closed_at"]:
        today = min(today, datetime.fromisoformat(campaign["closed_at"]).astimezone(PARIS).date())
    first = min(date.fromisoformat(curve[0]["on"]), date.fromisoformat(campaign["starts_on"]))
    latest = date.fromisoformat(curve[-1]["on"])
    last = date.fromisoformat(campaign["ends_on"])
    return first, max(last, latest), max(today, latest)


def _round_up(minor: int) -> int:
    """The next round number that four equal steps divide well: 4, 6, 8, 10, 12 … × a power of ten."""
    scale = 400
    while scale * 30 < minor:
        scale *= 10
    return -(-minor // scale) * scale
