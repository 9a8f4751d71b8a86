"""The code by which another site shows a campaign's widget."""

from typing import Any

from flask import current_app
from markupsafe import escape

from shared.i18n import LOCALES

FRAME = (
    '<iframe src="{base}/widget/{slug}?lang={code}&amp;appeal=widget" title="{title}"'
    ' width="400" height="330" loading="lazy" style="border:0;max-width:100%"></iframe>'
)


def snippets(campaign: dict[str, Any]) -> list[tuple[str, str]]:
    """Each language with the HTML to copy; none for what is not public."""
    if campaign["status"] == "draft":
        return []
    base = current_app.extensions["settings"].public_url.rstrip("/")
    told = {"base": base, "slug": campaign["slug"]}
    return [
        (code, FRAME.format(code=code, title=escape(campaign["title"][code]), **told)) for code in LOCALES
    ]
