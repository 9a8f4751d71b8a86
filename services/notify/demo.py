"""The demo's subscription: the sandbox's stand-in for a CRM hears of every change from now on.

`python -m services.notify.demo`, as often as one likes: it subscribes once.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import select

from services.notify import deliveries, subscriptions
from services.notify.models import CHANGED, ERASED, Subscription, Transaction, database
from services.notify.settings import NotifySettings
from shared import outbound
from shared.clock import now


@dataclass(frozen=True, kw_only=True)
class DemoSettings(NotifySettings):
    """What the demo is told beside: where its partner listens."""

    demo_receiver_url: str


def subscribe_once(settings: DemoSettings, *, at: datetime) -> str:
    """Subscribe the receiver unless it is; the signing secret, which the receiver is told each time."""
    url = settings.demo_receiver_url
    with Transaction() as session:
        known = select(Subscription).where(Subscription.url == url, Subscription.deleted_at.is_(None))
        found = session.execute(known).scalars().first()
        if found is not None:
            return deliveries.target(found, settings).secret
        _, secret = subscriptions.subscribe(
            session, url=url, types=[CHANGED, ERASED], at=at, settings=settings
        )
        return secret


def tell_receiver(settings: DemoSettings, secret: str) -> None:
    """What a partner does by hand: give the secret to the software that will verify with it."""
    outbound.send(
        "POST",
        f"{settings.demo_receiver_url}/secrets",
        body=urlencode({"secret": secret}).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        inside=True,
    )


def main() -> None:
    """Only in a demo."""
    settings = DemoSettings.from_env("notify")
    if not settings.demo:
        raise SystemExit("This is demo data: AMICALE_DEMO is not set.")
    database.connect(settings.database_url)
    tell_receiver(settings, subscribe_once(settings, at=now()))


if __name__ == "__main__":
    main()
