"""Every measurement, one after another: `python -m bench`, or some of them: `python -m bench relay gift`.

What they print is also kept in build/bench.txt; bench/RESULTS.md is written by hand from a quiet machine.
"""

import subprocess
import sys
from pathlib import Path

MEASURED = {
    "person": "P1, a person by id beside one SELECT by key",
    "settlement": "P2, a gift's settlement beside the floor of one statement",
    "registration": "P7, seats of one event beside those of a thousand, and beside hello",
    "relay": "P5, the relay beside a bare producer",
    "consumer": "P6, the consumer beside bare inserts",
    "ledger_export": "the books of a million entries as files, and what staff ask of them",
    "receipts": "yearly receipts a second, and their PDF",
    "gift": "from a payment to email, partner and total",
    "memory": "P12, time to start and idle memory",
}
KEPT = Path("build/bench.txt")


def main(names: list[str]) -> int:
    """Run the measurements named, or all; 1 when one ended badly."""
    if unknown := [name for name in names if name not in MEASURED]:
        print(f"There is no measurement {unknown[0]!r}; there are {', '.join(MEASURED)}.")
        return 2
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.open("a", encoding="utf-8") as kept:
        failed = [name for name in names or MEASURED if not _run(name, kept)]
    print(f"Ended badly: {', '.join(failed)}." if failed else f"Done; all of it is in {KEPT}.")
    return 1 if failed else 0


def _run(name: str, kept) -> bool:
    print(f"\n{name}: {MEASURED[name]}", flush=True)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", f"bench.{name}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        print(f"  {line}", end="", flush=True)
        kept.write(line)
    return process.wait() == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
