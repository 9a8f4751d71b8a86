"""The application of the small service."""

from flask import Flask

from shared.service import create_service
from shared.settings import Settings
from tests.support.small import notes
from tests.support.small.models import database


def settings(database_url: str, **more: object) -> Settings:
    """Settings of a small service in a test."""
    told = {
        "public_url": "http://127.0.0.1:8080",
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "directory_url": "http://127.0.0.1:1",
        "link_key": "key of the links in tests",
        "log_level": "warning",
    }
    return Settings(service="small", database_url=database_url, **{**told, **more})  # type: ignore[arg-type]


def create_app(told: Settings) -> Flask:
    database.connect(told.database_url)
    package = "tests.support.small"
    return create_service("small", told, blueprints=[notes.routes], database=database, package=package)
