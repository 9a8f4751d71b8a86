"""The file of each part: everything it said, rotated."""

import contextlib
import re
from pathlib import Path

_AN_ERROR = re.compile(
    r"\(?[A-Za-z_.]*(Error|Exception|Violation|Missing|Invalid|Table|Column|Object)\b.*[:)]"
)
FILE_BYTES_MAX = 5 * 2**20
FILES_KEPT = 3


class LogFile:
    """The file of one part: appended, rotated at 5 MiB, three kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_lines: list[str] = []
        self._file = path.open("ab")

    def write(self, line: bytes) -> None:
        """Keep a line; a full disk loses it, and nothing else."""
        self.last_lines = [*self.last_lines[-299:], line.decode(errors="replace").rstrip()]
        try:
            self._file.write(line)
            self._file.flush()
            if self._file.tell() > FILE_BYTES_MAX:
                self._rotate()
        except OSError:
            pass

    def reason(self) -> str:
        """The line that says best why it ended: the last error named, else the last line."""
        said = [line.strip() for line in self.last_lines if line.strip()]
        named = [line for line in said if _AN_ERROR.match(line)]
        return (named or said or ["it says nothing"])[-1][:300]

    def close(self) -> None:
        """No more lines."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(FILES_KEPT - 1, 0, -1):
            older = self.path.with_suffix(f".{number}.log")
            if older.exists():
                older.replace(self.path.with_suffix(f".{number + 1}.log"))
        self.path.replace(self.path.with_suffix(".1.log"))
        self._file = self.path.open("ab")
