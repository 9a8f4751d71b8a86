"""The web process: `gunicorn 'web.app:create_app()'`."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from web import clients, console, errors, guard, health, languages, observed, portal, session, uploads
from web.settings import WebSettings, load
from web.ui import assets, forms, notices, occasions, periods, progress, writing


def create_app(settings: WebSettings | None = None) -> Flask:
    """The portal at /, the console at /console, the assets of both."""
    app = Flask("web", static_folder=None, template_folder="ui/templates")
    app.extensions["settings"] = settings or load()
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=0)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    clients.connect(app, app.extensions["settings"])
    app.before_request(guard.name_the_request)
    observed.observe(app, app.extensions["settings"])
    uploads.admit(app)
    guard.protect(app)
    session.keep_sessions(app)
    languages.speak(app)
    assets.serve(app)
    writing.teach(app)
    occasions.teach(app)
    periods.teach(app)
    progress.teach(app)
    forms.teach(app)
    notices.carry(app)
    errors.explain(app)
    for pages in (health.routes, portal.pages, console.pages):
        app.register_blueprint(pages)
    return app
