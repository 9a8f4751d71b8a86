"""What `make run` is told from outside: where it listens and keeps its data, which parts are elsewhere."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.local.problem import CannotGoOn

SERVICES = ("directory", "events", "giving", "notify")
PORT, PORT_MAX = 8080, 65500
PROCESSES_MAX = 8

KNOWN = {
    "PORT": "port of the gateway; the other parts take the ten ports after it",
    "HOST": "address the gateway listens on",
    "DATA": "folder of everything that is kept",
    "PROCESSES": "how many api and how many worker processes each service has",
    "KAFKA_BOOTSTRAP_SERVERS": "a Kafka of your own instead of the embedded broker",
    "KAFKA_PASSWORDS": "the file of passwords that `make kafka SASL=1` made",
    "STRIPE_API_KEY": "a Stripe test key instead of the payment sandbox",
    "STRIPE_WEBHOOK_SECRET": "the secret of Stripe's webhook, needed beside STRIPE_API_KEY",
    "SMTP_URL": "a mail server instead of the mailbox page",
    "SCHOOL_NAME": "the school's name on pages and emails",
    "CONTACT_EMAIL": "the alumni office's address on pages",
    "DPO_EMAIL": "the data protection officer's address on pages",
    "LOG_LEVEL": "debug, info, warning or error",
    "OTLP_ENDPOINT": "where traces are sent",
    "TRACES": "1: traces are sent to the sandbox, and shown at /sandbox/traces",
    "EMAILS_NOT_BEFORE": "when notify's own PostgreSQL was restored: emails about what came before are held",
    "AMICALE_DEMO_DATA": "0: start without people, campaigns and gifts",
}
KNOWN |= {
    f"{name}_{service.upper()}": f"a PostgreSQL of your own for {service}"
    for service in SERVICES
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL")
}
# Near enough to a name above to be taken for a misspelling, yet somebody else's.
OTHERS = {"HOSTNAME", "HOSTTYPE", "PATH", "DATABASE_URL"}


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """What was told, or the defaults."""

    port: int = PORT
    host: str = "127.0.0.1"
    data: Path = field(default_factory=lambda: Path("data"))
    processes: int = 1
    told: Mapping[str, str] = field(default_factory=dict, repr=False)
    inherited: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def demo_data(self) -> bool:
        """Whether people, campaigns and gifts are made at the first start."""
        return self.told.get("AMICALE_DEMO_DATA", "1") != "0"


def load(environ: Mapping[str, str] | None = None) -> LocalSettings:
    """Read the environment once; CannotGoOn says which value makes no sense."""
    source = dict(os.environ if environ is None else environ)
    told = {name: source[name].strip() for name in KNOWN if source.get(name, "").strip()}
    if bool(told.get("STRIPE_API_KEY")) != bool(told.get("STRIPE_WEBHOOK_SECRET")):
        raise CannotGoOn("STRIPE_API_KEY and STRIPE_WEBHOOK_SECRET go together: give both, or neither.")
    for service in SERVICES:
        names = (f"DATABASE_URL_{service.upper()}", f"DATABASE_OWNER_URL_{service.upper()}")
        if len([name for name in names if name in told]) == 1:
            raise CannotGoOn(f"{names[0]} and {names[1]} go together: give both, or neither.")
    return LocalSettings(
        port=_port(told.get("PORT", str(PORT))),
        host=told.get("HOST", "127.0.0.1"),
        data=Path(told.get("DATA", "data")).expanduser().absolute(),
        processes=_processes(told.get("PROCESSES", "1")),
        told=told,
        inherited={name: value for name, value in source.items() if name not in KNOWN and _passes_on(name)},
    )


def at_port(settings: LocalSettings, port: int) -> LocalSettings:
    """The same, with another first port."""
    return replace(settings, port=port)


def misspelt(environ: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable that looks like one of ours and is not."""
    source = os.environ if environ is None else environ
    found = []
    for name in sorted(_given_to_make(source) | set(source)):
        if name in KNOWN or name in OTHERS or name == "AMICALE_DEMO":
            continue
        near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.86 if len(name) > 5 else 0.99)
        if name in _given_to_make(source):
            near = near or difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.5)
        if near:
            found.append(f"{name} is not a setting and does nothing; did you mean {near[0]}?")
        elif name.startswith("AMICALE_") or name in _given_to_make(source):
            found.append(f"{name} is not a setting and does nothing.")
    return found


def _given_to_make(source: Mapping[str, str]) -> set[str]:
    """Names on make's own command line (`make run PROT=9000`), where any unknown one is a mistake."""
    _, _, overrides = source.get("MAKEFLAGS", "").partition("-- ")
    names = {word.partition("=")[0] for word in overrides.split() if "=" in word}
    return {name for name in names if name.isupper() and name not in {"PYTHON", "ARGS"}}


def _passes_on(name: str) -> bool:
    """Not make's and Python's own, nor names that would change what a child does without being asked."""
    return not name.startswith(("MAKE", "MFLAGS", "PYTHON", "PG", "GUNICORN_", "AMICALE_"))


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1024 <= int(text) <= PORT_MAX:
        return int(text)
    raise CannotGoOn(f"PORT is {text!r}: give a number from 1024 to {PORT_MAX}, as in `make run PORT=9080`.")


def _processes(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= PROCESSES_MAX:
        return int(text)
    raise CannotGoOn(f"PROCESSES is {text[:20]!r}: give a number from 1 to {PROCESSES_MAX}.")
