"""The disk of DATA while the stack runs: said once when it is full, and once when there is room again."""

import asyncio

from deploy.local.folder import Folder, free_mib
from deploy.local.terminal import Terminal

LOOKED_EVERY_S = 5
# PostgreSQL cannot write any more once it needs another 16 MiB of its log and does not get them.
FULL_MIB, ROOM_MIB = 16, 48


class Disk:
    """Whether the disk was full when last looked at."""

    def __init__(self, folder: Folder, terminal: Terminal) -> None:
        self.folder = folder
        self.terminal = terminal
        self.full = False

    async def watch(self) -> None:
        """Look from now on."""
        while True:
            self.look()
            await asyncio.sleep(LOOKED_EVERY_S)

    async def wait_for_room(self) -> None:
        """Return once the disk is not full any more."""
        while self.look():
            await asyncio.sleep(LOOKED_EVERY_S)

    def look(self) -> bool:
        """Whether it is full now."""
        self.note(free_mib(self.folder.path))
        return self.full

    def note(self, free_mib: int) -> None:
        """Say what changed; between the two limits nothing does."""
        if not self.full and free_mib < FULL_MIB:
            self.full = True
            self.terminal.fail(
                f"The disk of {self.folder.path} is full: make room; Amicale goes on by itself."
            )
        elif self.full and free_mib >= ROOM_MIB:
            self.full = False
            self.terminal.step(f"There is room again on the disk of {self.folder.path}")
