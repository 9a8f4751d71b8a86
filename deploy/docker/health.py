"""A container's health check: `python -m deploy.docker.health 8000`, 0 when its /healthz answers 200.

It asks whether this one process lives, never `/readyz`: that tells of the worker, the database and the broker
too, and an api goes on taking gifts while these are away.
"""

import sys
import urllib.request

WITHIN_S = 4


def main(port: str) -> int:
    """0 when it lives."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{int(port)}/healthz", timeout=WITHIN_S) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:
        print(f"no answer on port {port} ({type(error).__name__})", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
