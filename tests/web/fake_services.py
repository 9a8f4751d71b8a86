"""Stand-ins for the services: the answers that web needs, over real sockets, kept in memory."""

from datetime import UTC, datetime

from tests.web import fake_books, fake_directory, fake_events, fake_giving, fake_notify
from tests.web.fake_server import serve
from web.settings import WebSettings


def show_system(self, world, query, body, name):
    return {
        "service": name, "ready": True, "reasons": [], "outbox": {"unpublished": 0, "oldest_age_s": 0},
        "lag": 0, "dead_letters": 0, "held": 0, "worker_seen_at": datetime.now(UTC).isoformat(),
        "workers": [], "jobs": [], "waits": world.waits.get(name, []), "at": datetime.now(UTC).isoformat(),
        "warnings": world.warnings.get(name, []), "refused": world.refused.get(name, []),
    }  # fmt: skip


ROUTES = [
    ("GET", "/api/v1/([^/]+)/system", show_system),
    *fake_events.ROUTES,
    *fake_giving.ROUTES,
    *fake_books.ROUTES,
    *fake_directory.ROUTES,
    *fake_notify.ROUTES,
]


def start(world, port=0):
    """Serve `world` on a free port until the returned server is shut down."""
    return serve(world, ROUTES, port)


def portal_settings(services_url, public_url):
    """What web is told when all its services answer at `services_url`."""
    return WebSettings(
        service="web",
        public_url=public_url,
        directory_url=services_url,
        events_url=services_url,
        giving_url=services_url,
        notify_url=services_url,
        contact_email="anciens@valmont.example",
        dpo_email="dpo@valmont.example",
    )
