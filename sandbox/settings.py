"""What the sandbox is told at its start."""

from dataclasses import dataclass, field

from shared.settings import Process, SettingsMissing


@dataclass(frozen=True, kw_only=True)
class SandboxSettings(Process):
    """`sandbox_accounts_file` lists provider accounts as in PROVIDER_ACCOUNTS_FILE, plus `webhook_url`.

    `sandbox_totp_file` lists the demo's sign-ins (see authenticator), `sandbox_receivers_file` the
    secrets of the webhook receivers by name, `sandbox_crm_key` is the API key of the CRM's one user.
    """

    sandbox_port: int
    sandbox_smtp_port: int
    sandbox_data: str
    sandbox_accounts_file: str = ""
    sandbox_totp_file: str = ""
    sandbox_receivers_file: str = ""
    sandbox_crm_key: str = field(default="", repr=False)


def load() -> SandboxSettings:
    """The settings of this process; it ends here when this is no demo."""
    settings = SandboxSettings.from_env("sandbox")
    if not settings.demo:
        raise SettingsMissing("The sandbox starts in a demo only: AMICALE_DEMO is not 1.")
    return settings
