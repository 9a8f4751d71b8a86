"""A relay that dies where it is told: `python -m tests.chaos.mortal_relay DATABASE BROKER POINT AFTER`."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from shared import relay
from shared.db import Database
from shared.kafka import Broker

POINTS = ("after commit, before send", "after ack, before mark", "never")


class MortalRelay(relay.Relay):
    """Kills its own process, as a power cut does, in its `after`th batch."""

    point = "never"
    after = 1
    marks_first = False

    def _send(self, rows: Sequence[Any]) -> None:
        self.after -= 1
        if self.after == 0 and self.point == "after commit, before send":
            os.kill(os.getpid(), signal.SIGKILL)
        super()._send(rows)
        if self.after == 0 and self.point == "after ack, before mark":
            os.kill(os.getpid(), signal.SIGKILL)


class MarksFirst(MortalRelay):
    """The guard off: rows are marked in a transaction of their own before they are sent."""

    def _send(self, rows: Sequence[Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(relay._MARK, relay.marking(rows))
        super()._send(rows)


def main(database_url: str, servers: str, point: str, after: str, kind: str = "MortalRelay") -> None:
    """Relay until killed."""
    relay.BATCH = 20
    database = Database("mortal")
    mortal = globals()[kind](database.connect(database_url), Broker(servers), patience_s=10)
    mortal.point, mortal.after = point, int(after)
    mortal.run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
