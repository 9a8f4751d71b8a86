"""`python -m sandbox`: the stand-ins, until SIGTERM or Ctrl-C."""

import signal
import sys
import threading

from sandbox import running, settings


def main() -> None:
    stopped = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopped.set())
    told = settings.load()
    with running.sandbox(told) as sandbox:
        print(f"sandbox ready on http://{told.host}:{sandbox.port}/sandbox/", file=sys.stderr, flush=True)
        stopped.wait()


main()
