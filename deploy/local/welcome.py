"""The demo's data at the first start, and what the terminal says at the end."""

import asyncio
import json
import re
import sys
import urllib.request
from functools import partial

from deploy.local.layout import SIGN_INS, Layout
from deploy.local.problem import CannotGoOn
from deploy.local.stack import Stack
from deploy.local.terminal import Terminal

PROGRESS = re.compile(rb"[\d,]+ of [\d,]+ \w+")
PAUSES_S = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Before each further try: a part that died, and what needs it, is back long before the last."""


async def fill(stack: Stack) -> None:
    """Make people, gifts and registrations, once; each service's own demo may be run again without harm.

    So it is, when a part that it needs dies meanwhile. What cannot be made at all is said, and stops nothing.
    """
    layout = stack.layout
    ours = ("directory", "notify", "giving", "events")
    made = {each: layout.folder.path / f"demo-{each}-made" for each in ours}
    missing = [each for each in made if not made[each].exists()]
    if missing:
        stack.terminal.step(
            f"Making the demo's people and gifts, about a minute; {layout.public_url}/ answers already ..."
        )
    try:
        for service in missing:
            await _make(stack, service)
            made[service].touch()
    except CannotGoOn as problem:
        stack.terminal.warn(f"{problem.sentence}. The demo's data lack the rest; `make run` tries again.")


async def _make(stack: Stack, service: str) -> None:
    """Run a service's demo to its end, with some tries; CannotGoOn with what the last one said."""
    command = [sys.executable, "-m", f"services.{service}.demo"]
    heard = partial(show_progress, stack.terminal, service)
    for pause_s in (*PAUSES_S, None):
        try:
            return await stack.run_once(
                f"{service}-demo", command, stack.layout.demo_environment(service), heard
            )
        except CannotGoOn as problem:
            if pause_s is None:
                raise
            stack.terminal.warn(f"{problem.sentence}; again in {pause_s:g} s")
            await asyncio.sleep(pause_s)


def show_progress(terminal: Terminal, service: str, line: bytes) -> None:
    """Of what a demo prints, how far it has come."""
    if PROGRESS.fullmatch(line.strip()):
        terminal.step(f"{service}: {line.decode().strip()}")


def say(layout: Layout, terminal: Terminal) -> None:
    """Where to look, and how to sign in."""
    url = layout.public_url
    for line in ("", terminal.paint("Amicale is ready.", 1), *lines(layout), ""):
        terminal.line(line)
    if layout.settings.host not in {"127.0.0.1", "localhost", "::1"}:
        terminal.warn(
            f"It listens on {layout.settings.host}: others on the network see its pages. Signing in works"
            f" only at {url}, since this is a demo; so do the mailbox, the one-time codes, all of /sandbox."
        )
    terminal.line("What happens is shown below. Ctrl-C stops everything; `make run` finds your data again.")
    terminal.line("")


def lines(layout: Layout) -> list[str]:
    """The addresses and the sign-ins of what runs."""
    url, keys = layout.public_url, layout.keys
    told = [
        f"  Portal            {url}/",
        f"  Console (staff)   {url}/console",
        f"  Mailbox           {url}/sandbox/mailbox/      (every email that was sent)",
        f"  Partner's side    {url}/sandbox/receiver      (webhooks that were delivered)",
    ]
    if layout.settings.demo_data:
        told += [
            "",
            f"  Staff sign-in     {SIGN_INS['staff']}   password {keys.value('demo_staff_password')}",
            f"                    one-time code: {url}/sandbox/authenticator",
            f"  Alumni sign-in    {SIGN_INS['alumni']}   password {keys.value('demo_alumni_password')}",
            "",
            f"  Make a gift       {url}{_a_campaign(layout)}   (no money moves)",
        ]
    return told


def _a_campaign(layout: Layout) -> str:
    """The page of a campaign that takes gifts now; the home page when giving does not tell."""
    asked = f"{layout.inside('giving')}/api/v1/giving/campaigns?status=live"
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            live = json.load(answer)["items"]
    except (OSError, ValueError, KeyError):
        live = []
    return f"/campaigns/{live[0]['slug']}" if live else "/"
