"""The directory's HTTP application."""

from flask import Flask

from services.directory import (
    accounts,
    arrivals,
    authenticators,
    class_years,
    consents,
    contacts,
    erasures,
    imports,
    people,
    refusals,
    sessions,
    sign_in_links,
    tokens,
)
from services.directory import settings as directory_settings
from services.directory.models import database
from shared.keys import KnownKeys
from shared.service import create_service

NOUNS = (people, contacts, erasures, consents, class_years, arrivals, imports, refusals)
DOORS = (sign_in_links, sessions, tokens, accounts, authenticators)


def create_app(settings: directory_settings.DirectorySettings | None = None) -> Flask:
    """The application; without settings, those of the environment."""
    told = directory_settings.use(settings) if settings else directory_settings.load()
    database.connect(told.database_url, pool_size=told.database_pool_size)
    return create_service(
        "directory",
        told,
        database=database,
        blueprints=[noun.routes for noun in (*NOUNS, *DOORS)],
        keys=KnownKeys(tokens.jwks),
        live_rights=tokens.live_rights,
    )
