"""What a process is told from outside, read once at its start.

Each field NAME comes from the environment variable NAME, or from the file that NAME_FILE points to
(how secrets are given in containers). A field without a default must be told: the process ends at
its start with the names of everything that is missing. No secret has a default.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, get_type_hints


class SettingsMissing(SystemExit):
    """The process cannot start: settings are missing or cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """What every process needs, whether or not it has a database."""

    service: str
    public_url: str
    demo: bool = field(default=False, metadata={"env": "AMICALE_DEMO"})
    host: str = "127.0.0.1"
    school_name: str = "Université de Valmont"
    log_level: str = "info"
    otlp_endpoint: str = ""
    prometheus_multiproc_dir: str = ""

    @classmethod
    def from_env(cls, service: str, environ: Mapping[str, str] | None = None) -> Self:
        """Read every field; raise SettingsMissing naming all that are missing or malformed."""
        source = os.environ if environ is None else environ
        types = get_type_hints(cls)
        values: dict[str, Any] = {"service": service}
        wrong: list[str] = []
        for each in fields(cls):
            if each.name == "service":
                continue
            name = each.metadata.get("env", each.name.upper())
            try:
                text = _told(source, name)
                if text is not None:
                    values[each.name] = _parsed(text, types[each.name])
                elif each.default is MISSING and each.default_factory is MISSING:
                    wrong.append(f"{name} is missing")
            except (ValueError, OSError) as error:
                wrong.append(f"{name} cannot be read ({type(error).__name__})")
        if wrong:
            raise SettingsMissing(f"{service} cannot start: {'; '.join(wrong)}.")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Settings(Process):
    """What a service with a database and a place on Kafka needs."""

    database_url: str = field(repr=False)
    kafka_bootstrap_servers: str
    directory_url: str
    link_key: str = field(repr=False)
    message_key: str = field(default="", repr=False)
    email_key: str = field(default="", repr=False)
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str = ""
    kafka_sasl_username: str = ""
    kafka_sasl_password: str = field(default="", repr=False)
    kafka_ssl_cafile: str = ""
    worker_port: int = 0
    """Where the worker answers /healthz and /metrics, on `host`; 0: nowhere, as beside its api."""
    database_pool_size: int = 10
    """Connections kept per process; OVERFLOW of shared.db more are opened when they are all taken.

    A request that holds one may ask for a second, as a gift that is slowed down by committed counts does, and
    never for a third. With more connections than threads (8: deploy/gunicorn.conf.py), one request at least
    can always go on, and the others after it; with no more than threads, all may wait for each other.
    """


@dataclass(frozen=True, kw_only=True)
class MigrationSettings(Process):
    """What `python -m shared.migrate` needs: the owner's door and the name of the app's role."""

    public_url: str = ""
    database_url: str = field(repr=False)
    database_owner_url: str = field(repr=False)


Told = TypeVar("Told", bound=Process)


class Held(Generic[Told]):
    """The settings of this process, told once at its start and asked for wherever a door needs them.

    A service's settings module ends with its own:

        load, use, current = Held(GivingSettings, "giving").doors()
    """

    def __init__(self, kind: type[Told], service: str) -> None:
        self.kind, self.service = kind, service
        self._told: Told | None = None

    def load(self) -> Told:
        """Read the settings of this process from its environment."""
        return self.use(self.kind.from_env(self.service))

    def use(self, settings: Told) -> Told:
        """Make `settings` those of this process."""
        self._told = settings
        return settings

    def current(self) -> Told:
        """The settings of this process; one that asks before it was told has a wiring fault."""
        if self._told is None:
            raise RuntimeError(f"{self.service} was not told its settings")
        return self._told

    def doors(self) -> tuple[Callable[[], Told], Callable[[Told], Told], Callable[[], Told]]:
        """`load`, `use` and `current`, as the names of a settings module."""
        return self.load, self.use, self.current


def _told(source: Mapping[str, str], name: str) -> str | None:
    if (path := source.get(f"{name}_FILE")) and name not in source:
        return Path(path).read_text(encoding="utf-8").strip()
    return source.get(name)


def _parsed(text: str, kind: type) -> Any:
    if kind is bool:
        if text.strip().lower() not in {"0", "1", "true", "false", ""}:
            raise ValueError("a switch is 0 or 1")
        return text.strip().lower() in {"1", "true"}
    return int(text) if kind is int else text
