"""The stack of `make run`, in whose processes guards can be left out: `python -m tests.support.controls`.

A Python process of it that starts while the folder DATA/guards-off holds files leaves out the guards that
these are named after (guards_off.py); with the folder empty it is the stack as it is. So a control run
differs from its proof in the guard and in nothing else.
"""

import sys
from pathlib import Path

from deploy.local import __main__ as stack
from deploy.local import keeper
from deploy.local.layout import Layout

FOLDER = "guards-off"
told = Layout.environment


def environment(layout: Layout, part: str) -> dict[str, str]:
    """What a part is told, and where it finds sitecustomize.py and the guards to leave out."""
    folder = layout.folder.path / FOLDER
    return told(layout, part) | {"PYTHONPATH": str(Path(__file__).parent), "GUARDS_OFF": str(folder)}


if __name__ == "__main__":
    keeper.PAUSES_S = (
        0.2,
        0.5,
        1,
    )  # parts are killed on purpose here: one that often dies need not wait long
    Layout.environment = environment  # type: ignore[method-assign]
    sys.exit(stack.main(sys.argv[1:]))
