"""Read by every Python process of a mortal stack when it starts: leaves out the guards that are named."""

import os
from pathlib import Path

_folder = Path(os.environ.get("GUARDS_OFF", os.devnull))
if _folder.is_dir() and (_named := sorted(each.name for each in _folder.iterdir())):
    import guards_off

    guards_off.leave_out(_named, _folder)
