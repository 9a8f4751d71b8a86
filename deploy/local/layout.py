"""Where each part listens, and what each process is told: `environment("giving")`."""

import json
from collections.abc import Sequence
from pathlib import Path

from deploy.local.folder import Folder
from deploy.local.keys import Keys
from deploy.local.postgres import Postgres
from deploy.local.problem import CannotGoOn
from deploy.local.settings import SERVICES, LocalSettings

ROOT = Path(__file__).parent.parent.parent
LOOPBACK = "127.0.0.1"
OFFSETS = {
    "gateway": 0, "web": 1, "live": 2, "directory": 3, "events": 4, "giving": 5, "notify": 6,
    "sandbox": 7, "mail": 8, "broker": 9, "postgres": 10,
}  # fmt: skip
# Our name of a provider account, and the slug of the legal entity that it receives for.
PROVIDER_ACCOUNTS = {"foundation": "fondation", "association": "association"}
MERCHANTS = {
    "foundation": "Fondation de l’université de Valmont",
    "association": "Amicale des anciens de Valmont",
}
# The demo's sign-ins: an officer with every right, one who may only read gifts, an alumna.
SIGN_INS = {
    "staff": "staff@valmont.example",
    "reader": "reader@valmont.example",
    "alumni": "alumni@valmont.example",
}
DEMO_SECRETS = ("staff_password", "staff_totp", "reader_password", "reader_totp", "alumni_password")


class Layout:
    """The parts of one stack, as told by its settings."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.folder = Folder(settings.data)
        self.keys = Keys(self.folder.secrets)
        self.embedded = [s for s in SERVICES if f"DATABASE_URL_{s.upper()}" not in settings.told]
        self.postgres = self._server() if self.embedded else None

    @property
    def broker_is_ours(self) -> bool:
        """Whether the embedded broker is used."""
        return "KAFKA_BOOTSTRAP_SERVERS" not in self.settings.told

    @property
    def _traces_here(self) -> bool:
        return self.settings.told.get("TRACES") == "1"

    def port(self, part: str) -> int:
        """The port of a part."""
        return self.settings.port + OFFSETS[part]

    def ports(self) -> dict[str, int]:
        """The ports that this stack will listen on."""
        used = ["gateway", *SERVICES, "web", "live", "sandbox", "mail"]
        used += ["broker"] if self.broker_is_ours else []
        return {part: self.port(part) for part in [*used, *(["postgres"] if self.postgres else [])]}

    def inside(self, part: str) -> str:
        """The address of a part for the other parts."""
        return f"http://127.0.0.1:{self.port(part)}"

    @property
    def public_url(self) -> str:
        """The address that browsers on this machine know it by; a demo is never public."""
        return self.inside("gateway")

    def environment(self, part: str) -> dict[str, str]:
        """Everything that a process of `part` is told."""
        told = {
            **self.settings.inherited,
            "PYTHONUNBUFFERED": "1",
            "AMICALE_DEMO": "1",
            "PUBLIC_URL": self.public_url,
            **{f"{name.upper()}_URL": self.inside(name) for name in (*SERVICES, "sandbox")},
            **({"OTLP_ENDPOINT": f"{self.inside('sandbox')}/sandbox/traces"} if self._traces_here else {}),
            **{name: self.settings.told[name] for name in _HANDED_ON if name in self.settings.told},
        }
        if part in SERVICES:
            told |= self._of_service(part)
        if part in {"web", "live"}:
            told |= {
                "LIVE_URL": self.inside("live"),
                "CHECKOUT_ORIGINS": self._checkout(),
                **{name: self.settings.told.get(name, address) for name, address in DEMO_ADDRESSES.items()},
            }
        if part == "sandbox":
            told |= self._of_sandbox()
        if part == "gateway":
            told |= self._of_gateway()
        return told

    def migration_environment(self, service: str) -> dict[str, str]:
        """What `python -m shared.migrate` is told: the owner's door beside the app's."""
        name = f"DATABASE_OWNER_URL_{service.upper()}"
        url = self.postgres.url(service, "owner") if self.postgres and service in self.embedded else ""
        url = url or self.settings.told[name]
        kept = self.keys.keep(f"database_owner_url_{service}", url)
        return {**self.environment(service), "DATABASE_OWNER_URL_FILE": str(kept)}

    def demo_environment(self, service: str) -> dict[str, str]:
        """What `python -m services.<service>.demo` is told: the sign-ins that it makes."""
        return {
            **self.environment(service),
            **{f"DEMO_{who.upper()}_EMAIL": email for who, email in SIGN_INS.items()},
            **{f"DEMO_{name.upper()}_FILE": str(self.keys.path(f"demo_{name}")) for name in DEMO_SECRETS},
            "DEMO_RECEIVER_URL": f"{self.public_url}/sandbox/receiver/crm",
            "DEMO_CRM_URL": self.inside("sandbox"),
            "DEMO_CRM_KEY_FILE": str(self.keys.path("crm_api_key")),
        }

    def _server(self) -> Postgres:
        processes = 2 * self.settings.processes * len(self.embedded)  # apis and workers
        return Postgres(self.folder.postgres, self.port("postgres"), self.keys, processes=processes)

    def _of_service(self, service: str) -> dict[str, str]:
        url = self.postgres.url(service, "app") if self.postgres and service in self.embedded else ""
        url = url or self.settings.told[f"DATABASE_URL_{service.upper()}"]
        told = {
            "DATABASE_URL_FILE": str(self.keys.keep(f"database_url_{service}", url)),
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.told.get(
                "KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{self.port('broker')}"
            ),
            **{
                f"{name.upper()}_FILE": str(self.keys.path(name))
                for name in ("link_key", "message_key", "email_key")
            },
        }
        told |= self._signed_in(service)
        if self.counters(service).exists():
            told["PROMETHEUS_MULTIPROC_DIR"] = str(self.counters(service))
        if service == "directory":
            told["TOKEN_PRIVATE_KEY_FILE"] = str(self.keys.path("token_private_key"))
        if service == "giving":
            told["PROVIDER_ACCOUNTS_FILE"] = str(
                self.keys.keep("provider_accounts.json", json.dumps(self._accounts()))
            )
        if service == "notify":
            told["SMTP_URL"] = self.settings.told.get("SMTP_URL", f"smtp://127.0.0.1:{self.port('mail')}")
            told["EMAIL_FROM"] = "Université de Valmont <alumni@valmont.example>"
            told["EMAILS_NOT_BEFORE"] = self.settings.told.get("EMAILS_NOT_BEFORE", self.folder.restored_at())
        return told

    def topics_environment(self) -> dict[str, str]:
        """What `python -m shared.kafka topics` is told: as whom it signs in where Kafka asks for it."""
        return {**self.environment(SERVICES[0]), **self._signed_in("admin")}

    def _signed_in(self, user: str) -> dict[str, str]:
        """How a user signs in to a Kafka of one's own; nothing where nobody is asked."""
        if "KAFKA_PASSWORDS" not in self.settings.told:
            return {}
        try:
            password = json.loads(Path(self.settings.told["KAFKA_PASSWORDS"]).read_text())[user]
        except (OSError, ValueError, KeyError, TypeError):
            raise CannotGoOn(
                f"KAFKA_PASSWORDS names no file with a password for {user}: `make kafka SASL=1` makes one."
            ) from None
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD_FILE": str(self.keys.keep(f"kafka_password_{user}", password)),
        }

    def _of_sandbox(self) -> dict[str, str]:
        accounts = [
            {
                **account,
                "name": MERCHANTS[str(account["account"])],
                "webhook_url": f"{self.public_url}/webhooks/stripe/giving/{account['account']}",
            }
            for account in self._accounts()
        ]
        totp = [
            {"email": SIGN_INS[who], "secret": self.keys.value(f"demo_{who}_totp"), "name": SIGN_INS[who]}
            for who in ("staff", "reader")
        ]
        return {
            "SANDBOX_PORT": str(self.port("sandbox")),
            "SANDBOX_SMTP_PORT": str(self.port("mail")),
            "SANDBOX_DATA": str(self.folder.sandbox),
            "SANDBOX_ACCOUNTS_FILE": str(self.keys.keep("sandbox_accounts.json", json.dumps(accounts))),
            "SANDBOX_TOTP_FILE": str(self.keys.keep("sandbox_totp.json", json.dumps(totp))),
            "SANDBOX_CRM_KEY_FILE": str(self.keys.path("crm_api_key")),
        }

    def _of_gateway(self) -> dict[str, str]:
        parts = {"WEB": "web", "WEB_LIVE": "live", **{s.upper(): s for s in SERVICES}, "SANDBOX": "sandbox"}
        return {
            "GATEWAY_ADDRESS": f"http://:{self.port('gateway')}",
            "GATEWAY_BIND": self._gateway_bind(),
            "XDG_DATA_HOME": str(self.folder.caddy),
            "XDG_CONFIG_HOME": str(self.folder.caddy),
            **{name: f"127.0.0.1:{self.port(part)}" for name, part in parts.items()},
            "GATEWAY_EXTRA": "sandbox.caddy",
        }

    def _gateway_bind(self) -> str:
        """Where the gateway listens: on this machine always, since the parts reach each other through it."""
        host = self.settings.host
        return host if host in ("0.0.0.0", LOOPBACK, "localhost") else f"{host} {LOOPBACK}"

    def _accounts(self) -> list[dict[str, object]]:
        """One provider account a legal entity; a Stripe account of one's own is the foundation's alone."""
        if key := self.settings.told.get("STRIPE_API_KEY"):
            secret = self.settings.told["STRIPE_WEBHOOK_SECRET"]
            return [_account("foundation", PROVIDER_ACCOUNTS["foundation"], key, secret, None)]
        return [
            _account(
                name, entity,
                f"sk_test_{self.keys.value(f'sandbox_{name}_key').replace('-', '').replace('_', '')}",
                f"whsec_{self.keys.value(f'sandbox_{name}_webhook')}",
                self.inside("sandbox"),
            )
            for name, entity in PROVIDER_ACCOUNTS.items()
        ]  # fmt: skip

    def _checkout(self) -> str:
        return "https://checkout.stripe.com" if "STRIPE_API_KEY" in self.settings.told else self.public_url

    def counters(self, service: str) -> Path:
        """Where the processes of a service count together, while the stack runs."""
        return self.folder.counters / service


DEMO_ADDRESSES = {"CONTACT_EMAIL": "anciens@valmont.example", "DPO_EMAIL": "dpo@valmont.example"}
_HANDED_ON: Sequence[str] = ("SCHOOL_NAME", "LOG_LEVEL", "OTLP_ENDPOINT")


def _account(name: str, entity: str, key: str, secret: str, base: str | None) -> dict[str, object]:
    return {"account": name, "entity": entity, "api_key": key, "webhook_secrets": [secret], "api_base": base}
