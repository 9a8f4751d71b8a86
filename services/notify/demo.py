"""The demo's subscriptions: a partner by webhook and a CiviCRM, both of the sandbox, hear of every change.

`python -m services.notify.demo`, as often as one likes: it subscribes each once.
"""

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import select

from services.notify import deliveries, subscriptions
from services.notify.models import CHANGED, CIVICRM, ERASED, Subscription, Transaction, database
from services.notify.settings import NotifySettings
from shared import outbound
from shared.clock import now


@dataclass(frozen=True, kw_only=True)
class DemoSettings(NotifySettings):
    """What the demo is told beside: where its partner listens."""

    demo_receiver_url: str
    demo_crm_url: str = ""
    demo_crm_key: str = field(default="", repr=False)


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


def connect_crm_once(settings: DemoSettings, *, at: datetime) -> None:
    """Connect the sandbox's CRM unless it is; the gifts that the demo makes next are brought there."""
    if not settings.demo_crm_url:
        return
    with Transaction() as session:
        known = select(Subscription.id).where(
            Subscription.url == settings.demo_crm_url, Subscription.deleted_at.is_(None)
        )
        if session.execute(known).first() is None:
            subscriptions.subscribe(
                session,
                url=settings.demo_crm_url,
                types=[CHANGED, ERASED],
                at=at,
                settings=settings,
                secret=settings.demo_crm_key,
                connector=CIVICRM,
            )


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
    connect_crm_once(settings, at=now())


if __name__ == "__main__":
    main()
