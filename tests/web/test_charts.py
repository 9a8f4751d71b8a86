"""Charts: what a curve shows of the days of a campaign."""

from datetime import timedelta

from web.console import charts

CLOSED_AT = "2026-03-20T15:00:00+01:00"


def curve_of(**changes):
    """The curve of a campaign of three months with gifts on two days of March."""
    campaign = {"goal_minor": 100_000, "start_minor": 0, "starts_on": "2026-03-01", "ends_on": "2026-05-31"}
    campaign |= {"status": "closed", "closed_at": None}
    points = [("2026-03-02", 5_000, 5_000), ("2026-03-10", 2_000, 7_000)]
    days = [{"on": on, "day_minor": day, "raised_minor": raised} for on, day, raised in points]
    return charts.cumulative(days, campaign | changes)


def day_of_the_dot(curve):
    """The day that the curve ends on, read from where its dot stands."""
    width = charts.WIDTH - charts.LEFT - charts.RIGHT
    share = (curve["end"][0] - charts.LEFT) / width
    return curve["first"] + timedelta(days=round(share * (curve["last"] - curve["first"]).days))


def test_the_curve_of_a_campaign_closed_early_ends_on_its_closing_day():
    curve = curve_of(closed_at=CLOSED_AT)

    assert curve["today"].isoformat() == day_of_the_dot(curve).isoformat() == "2026-03-20"


def test_a_gift_that_came_in_after_the_close_is_still_on_the_curve():
    curve = curve_of(closed_at="2026-03-05T09:00:00+01:00")

    assert day_of_the_dot(curve).isoformat() == "2026-03-10"


def test_a_campaign_that_ran_to_its_end_has_a_curve_to_its_last_day():
    assert day_of_the_dot(curve_of()).isoformat() == "2026-05-31"
