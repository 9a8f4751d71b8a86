"""The gifts begun in this browser: so that nobody wonders whether they gave.

Someone who loses the network between paying and coming back finds here, on the campaign's page, what
became of the gift. The browser keeps the signed links of the last three for a day.
"""

from datetime import UTC, datetime, timedelta

from flask import request

from web import clients

COOKIE = "__Host-gifts"
A_DAY_S = 24 * 3600
MOST = 3
JUST_BEGUN = timedelta(minutes=30)
"""A gift may have been paid this lately without our having heard of it."""


def keep(answer, link):
    """Remember a gift that was begun here, newest first."""
    links = [link] + [each for each in _links() if each != link]
    answer.set_cookie(
        COOKIE, "~".join(links[:MOST]), max_age=A_DAY_S, secure=True, httponly=True, samesite="Lax", path="/"
    )
    return answer


def of_campaign(campaign):
    """The gifts begun here for `campaign`, newest first, with their state; none when giving is silent."""
    found = []
    for link in _links():
        try:
            gift = clients.giving().get(f"/gift-links/{clients.segment(link)}")
        except (clients.Problem, clients.ServiceDown):
            continue
        if gift["campaign"]["slug"] == campaign["slug"]:
            found.append({**gift, "link": link, "may_be_paid": may_be_paid(gift)})
    return found


def may_be_paid(gift):
    """Whether the donor may have just paid, on the bank's page, what we hear of in a moment."""
    begun = datetime.fromisoformat(gift["created_at"])
    return gift["status"] == "pending" and datetime.now(UTC) - begun < JUST_BEGUN


def _links():
    kept = request.cookies.get(COOKIE, "")
    return [link for link in kept.split("~") if 0 < len(link) <= 200][:MOST]
