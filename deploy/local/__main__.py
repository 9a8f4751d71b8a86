"""`python -m deploy.local` starts the stack; see `python -m deploy.local help` for its other words."""

import asyncio
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from deploy.local import backups, memory, settings, welcome
from deploy.local.disk import Disk
from deploy.local.folder import ANOTHER
from deploy.local.layout import Layout
from deploy.local.problem import CannotGoOn
from deploy.local.stack import Stack
from deploy.local.terminal import Terminal

HELP = """\
python -m deploy.local                       start the whole system (make run)
python -m deploy.local status                the running parts, their process ids and memory
python -m deploy.local env giving            what giving's processes are told, for a shell (it holds secrets)
python -m deploy.local exec giving -- …      run a command as giving would be run
python -m deploy.local backup FOLDER         databases and secrets, into a dated folder inside FOLDER
python -m deploy.local restore FOLDER        put such a folder back (FOLDER notify: one database alone)
The parts are directory, giving, notify, web, live, sandbox, gateway.
A stack that was started with DATA is told the same DATA again; its PORT is found there."""


def main(words: list[str]) -> int:
    """Do what the first word says; without a word, run."""
    terminal = Terminal()
    try:
        match words:
            case []:
                return asyncio.run(run(terminal))
            case ["status"]:
                return status(terminal)
            case ["env", part]:
                for name, value in told(part).items():
                    print(f"export {name}={shlex.quote(value)}")
                return 0
            case ["exec", part, "--", *command] if command:
                os.execvpe(command[0], command, {**settings.load().inherited, **told(part, all_of_it=True)})
            case ["backup", into]:
                asyncio.run(backups.backup(_layout(), terminal, Path(into)))
                return 0
            case ["restore", source, *services]:
                asyncio.run(backups.restore(_layout(is_there=False), terminal, Path(source), services))
                return 0
            case _:
                print(HELP)
                return 0 if words in (["help"], ["--help"]) else 2
    except CannotGoOn as problem:
        terminal.fail(problem.sentence)
        return 1


async def run(terminal: Terminal) -> int:
    """Start, stay until told to stop, stop."""
    layout = Layout(settings.load())
    for sentence in settings.misspelt():
        terminal.warn(sentence)
    stack = Stack(layout, terminal)
    prepare(stack)
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    terminal.line(f"Starting Amicale on {layout.public_url}, its data in {layout.folder.path}")
    stopped = asyncio.create_task(stop.wait())
    disk = Disk(layout.folder, terminal)
    living = asyncio.create_task(_live(stack, disk, terminal))
    watching = asyncio.create_task(disk.watch())
    try:
        ends: list[asyncio.Future[Any]] = [stopped, living, stack.failure]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        living.cancel()
        watching.cancel()
        results = await asyncio.gather(living, return_exceptions=True)
        terminal.line("Stopping ...")
        await stack.stop()
        terminal.line("Stopped.")
    problem = stack.failure.result() if stack.failure.done() else results[0]
    if problem is not None and not stop.is_set():
        raise problem
    return 0


def prepare(stack: Stack) -> None:
    """Make and hold the folder; a first start that cannot be leaves nothing behind, nor in an empty one."""
    folder = stack.layout.folder
    if folder.claimed_port() is None:
        folder.has_room()
        stack.check_ports()
    folder.open()
    folder.claim(stack.layout.settings.port)
    if warning := folder.has_room():
        stack.terminal.warn(warning)
    stack.check_ports()


async def _live(stack: Stack, disk: Disk, terminal: Terminal) -> None:
    terminal.shows_facts = False
    await stack.start()
    if stack.layout.settings.demo_data:
        await welcome.fill(stack, disk)
    welcome.say(stack.layout, terminal)
    terminal.shows_facts = True
    await asyncio.Event().wait()


def status(terminal: Terminal) -> int:
    """List the parts; 1 when nothing runs."""
    folder = Layout(settings.load()).folder
    processes = folder.processes()
    sizes = memory.by_part(processes)
    for name, pid in processes.items():
        terminal.line(f"{pid:>8}  {sizes[name] / 2**20:6.0f} MiB  {name}")
    if processes:
        terminal.line(f"{'':>8}  {sum(sizes.values()) / 2**20:6.0f} MiB  in all")
    else:
        terminal.line(f"Nothing runs on {folder.path}; `make run` starts it. {ANOTHER}")
    return 0 if processes else 1


def told(part: str, *, all_of_it: bool = False) -> dict[str, str]:
    """The environment of a part."""
    layout = _layout()
    environment = layout.environment(part)
    return {n: v for n, v in environment.items() if all_of_it or n not in layout.settings.inherited}


def _layout(*, is_there: bool = True) -> Layout:
    """The layout of this folder, at the port that its stack was started with unless told another."""
    found = settings.load()
    layout = Layout(found)
    if "PORT" not in found.told and (port := layout.folder.claimed_port()):
        layout = Layout(settings.at_port(found, port))
    if is_there and not layout.folder.secrets.exists():
        raise CannotGoOn(f"There is no stack in {layout.folder.path} yet: `make run` makes it. {ANOTHER}")
    return layout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
