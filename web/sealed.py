"""What a form must carry unread: encrypted with a key that only this browser's cookie yields, for 5 minutes.

So a page asked in two steps needs no memory on our side, and neither the page nor the cookie is enough.
"""

import json
import time
from typing import Any

from joserfc import jwe
from joserfc.jwk import OctKey

from web import guard

GOOD_FOR_S = 300


def seal(known: dict[str, Any]) -> str:
    """`known`, for this browser alone."""
    until = int(time.time()) + GOOD_FOR_S
    content = json.dumps({**known, "until": until}, ensure_ascii=False).encode("utf-8", "replace")
    key = OctKey.import_key(guard.sealing_key())
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, content, key)


def unseal(sealed: str) -> dict[str, Any] | None:
    """What `seal` sealed in this browser, or None for whatever else arrives."""
    try:
        opened = jwe.decrypt_compact(sealed, OctKey.import_key(guard.sealing_key()))
        known = json.loads(opened.plaintext or b"")
        return known if known.pop("until", 0) > time.time() else None
    except Exception:  # a stranger wrote it, and the library raises far more than JoseError
        return None
