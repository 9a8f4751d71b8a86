"""The web application of notify."""

from flask import Flask

from services.notify import (
    comparisons,
    conflicts,
    deliveries,
    emails,
    party_states,
    paths,
    refusals,
    resends,
    subscriptions,
    timelines,
    waits,
)
from services.notify.models import database
from services.notify.settings import NotifySettings, load, use
from shared.service import create_service


def create_app(settings: NotifySettings | None = None) -> Flask:
    """notify over HTTP."""
    told = use(settings) if settings else load()
    database.connect(told.database_url, pool_size=told.database_pool_size)
    nouns = (emails, resends, subscriptions, deliveries, conflicts, comparisons, timelines)
    return create_service(
        "notify",
        told,
        database=database,
        blueprints=[noun.routes for noun in nouns],
        steps=paths.steps,
        waits=waits.oldest,
        refused=refusals.lately,
        webhooks=party_states.POSTED,
    )
