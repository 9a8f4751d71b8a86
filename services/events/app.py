"""The application of events: the list of its nouns."""

from flask import Flask

from services.events import (
    agenda,
    drafts,
    my_registrations,
    paths,
    publications,
    registration_cancellations,
    registration_exports,
    registration_links,
    registration_records,
    registrations,
    settings,
)
from services.events.models import database
from shared.service import create_service

NOUNS = (
    agenda,
    drafts,
    publications,
    registrations,
    registration_records,
    registration_cancellations,
    registration_exports,
    registration_links,
    my_registrations,
)


def create_app(told: settings.EventsSettings | None = None) -> Flask:
    """The application; without settings, as the environment tells them."""
    told = settings.use(told) if told else settings.load()
    database.connect(told.database_url, pool_size=told.database_pool_size)
    blueprints = [noun.routes for noun in NOUNS]
    return create_service("events", told, blueprints=blueprints, database=database, steps=paths.steps)
