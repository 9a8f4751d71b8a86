"""Memory of the parts, as their share of what is theirs alone and what they share (PSS)."""

import re
from collections.abc import Mapping
from pathlib import Path

PSS_KIB = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def by_part(pids: Mapping[str, int]) -> dict[str, int]:
    """Bytes by name, each process with everything it started."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    return {name: sum(map(_pss, _tree(pid, children))) for name, pid in pids.items()}


def _tree(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    return [pid, *(each for child in children.get(pid, ()) for each in _tree(child, children))]


def _parents() -> dict[int, int]:
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    return found


def _pss(pid: int) -> int:
    try:
        said = PSS_KIB.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(said[1]) * 1024 if said else 0
