"""P12: start to ready, the first time and the second, and the idle memory of the whole local stack.

    python -m bench.memory

Memory is the sum of PSS (each shared page counted once, divided among those who share it) over the
supervisor and everything below it, from /proc/<pid>/smaps_rollup, a minute after the last start.
"""

import tempfile
import time
from pathlib import Path

import psutil

from tests.support.stack import RunningStack, running_stack

SETTLE_S = 60


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        for name, goal in (("first", 60), ("second", 20)):
            begun = time.monotonic()
            with running_stack(data) as stack:
                stack.wait_until_ready()
                print(
                    f"P12 {name} start to ready: {time.monotonic() - begun:.1f} s (goal ≤ {goal} s)",
                    flush=True,
                )
                if name == "second":
                    time.sleep(SETTLE_S)
                    weigh(stack)


def weigh(stack: RunningStack) -> None:
    """Memory and processor time of every process, and their sums."""
    top = psutil.Process(stack.process.pid)
    parts = {each.pid: each for each in (top, *top.children(recursive=True))}
    names = {pid: name for name, pid in stack.pids.items()}
    sizes = {pid: _pss_mb(pid) for pid in parts}
    before = {pid: sum(each.cpu_times()[:2]) for pid, each in parts.items()}
    time.sleep(10)
    busy = {
        pid: (sum(each.cpu_times()[:2]) - before[pid]) / 10
        for pid, each in parts.items()
        if each.is_running()
    }
    for pid, size in sorted(sizes.items(), key=lambda item: -item[1])[:20]:
        print(f"  {names.get(pid, parts[pid].name()):<20} {size:7.1f} MB  {busy.get(pid, 0):5.1%} of a core")
    print(
        f"P12 idle memory: {sum(sizes.values()):,.0f} MB PSS in {len(sizes)} processes (goal ≤ 1,400 MB); "
        f"idle processor: {sum(busy.values()):.0%} of a core"
    )


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


if __name__ == "__main__":
    main()
