"""A browser, web, and stand-ins for the services behind it."""

import re
from dataclasses import dataclass, field

import pytest
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache

from tests.web import fake_services
from tests.web.fake_server import World
from tests.web.samples import PERSON, subscription
from web.app import create_app

HERE = "http://127.0.0.1:8080"


@pytest.fixture
def world():
    """What the services know."""
    return World()


@pytest.fixture
def services(world):
    """The services, answering."""
    server = fake_services.start(world)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(services):
    """What web is told."""
    return fake_services.portal_settings(services, HERE)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Templates, compiled once for all tests."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(settings, compiled):
    """The web process."""
    app = create_app(settings)
    app.jinja_env.bytecode_cache = compiled
    return app


@dataclass
class Browser:
    """Keeps cookies, reads forms and sends them back as a browser would."""

    client: FlaskClient
    headers: dict = field(default_factory=lambda: {"Accept-Language": "fr", "Sec-Fetch-Site": "same-origin"})

    def get(self, path, **headers):
        """Open a page."""
        return self.client.get(path, base_url=HERE, headers={**self.headers, **headers})

    def post(self, path, data=None, csrf=None, headers=None):
        """Send a form; the token of our own pages is sent along unless another is given."""
        sent = dict(data or {})
        sent["csrf"] = self.token() if csrf is None else csrf
        return self.client.post(path, base_url=HERE, data=sent, headers={**self.headers, **(headers or {})})

    def corrected(self, path, data=None):
        """Send a form that must be corrected, and see the page that it returns to."""
        answer = self.post(path, data)
        assert answer.status_code == 303 and "?form=" in answer.location, answer.location
        return self.get(answer.location)

    def token(self):
        """What our pages put into their forms."""
        return re.search(r'"X-Csrf-Token": "(\w+)"', self.get("/legal").text)[1]

    def hold(self, secret):
        """Hold a session."""
        self.client.set_cookie("__Host-session", secret, domain="127.0.0.1", secure=True)
        return self


@pytest.fixture
def open_browser(app):
    """Another browser each time."""
    return lambda: Browser(app.test_client())


@pytest.fixture
def browser(open_browser):
    """Somebody's browser."""
    return open_browser()


@pytest.fixture
def crm(world):
    """A CRM that is connected, and the one person of the directory."""
    world.directory_of(PERSON)
    world.subscriptions = [subscription()]
    return world.subscriptions[0]


@pytest.fixture
def office(world, browser):
    """A browser of somebody who may read all that a CRM's pages show."""
    rights = ["integrations.manage", "people.read", "giving.read", "events.read"]
    return browser.hold(world.sign_in(PERSON, rights))
