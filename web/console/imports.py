"""Imports of people: choose a file, see what it would do, confirm, watch it being done."""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from web import clients
from web.clients import Problem, segment
from web.console.shell import then
from web.languages import language

routes = Blueprint("imports", __name__, url_prefix="/imports")


@routes.get("/")
def listed():
    """Past imports, and the place to begin one."""
    return _list()


@routes.post("/")
def check():
    """Read a file and say what it would change; nothing is written before it is confirmed."""
    chosen = request.files.get("file")
    if chosen is None or not chosen.filename:
        return _list(error=_("Choose a file first.")), 422
    content = (chosen.filename, chosen.stream, "text/csv")
    try:
        made = clients.directory().call(
            "POST",
            "/imports",
            files={"file": content},
            data=_informed(),
            key=request.form["key"],
            timeout_s=60,
        )
    except Problem as problem:
        if problem.status not in {400, 409, 413, 422}:
            raise
        return _list(error=next(iter(problem.fields.values()), problem.detail)), problem.status
    return redirect(url_for("console.imports.show", import_id=made["id"]), code=303)


@routes.get("/<import_id>")
def show(import_id: str):
    """One import: its counts, its refused rows, its progress."""
    return render_template(
        "console/import.html", done=clients.directory().get(f"/imports/{segment(import_id)}")
    )


@routes.get("/<import_id>/progress")
def progress(import_id: str):
    """The moving part alone."""
    done = clients.directory().get(f"/imports/{segment(import_id)}")
    return render_template("console/import_progress.html", done=done)


@routes.post("/<import_id>/confirm")
def confirm(import_id: str):
    """Write what was shown."""
    clients.directory().post(f"/imports/{segment(import_id)}/confirmations", {}, key=request.form["key"])
    return then(
        _("The import has begun. You may leave this page; it goes on."),
        "console.imports.show",
        import_id=import_id,
    )


@routes.get("/<import_id>/refused.csv")
def refused(import_id: str):
    """The refused rows with their reasons, to mend and import again."""
    path, words = f"/imports/{segment(import_id)}/refusals.csv", {"locale": language()}
    answer = clients.directory().raw("GET", path, params=words, timeout_s=30)
    clients.directory().check(answer)
    file = Response(answer.content, content_type="text/csv; charset=utf-8")
    file.headers["Content-Disposition"] = 'attachment; filename="amicale-lignes-refusees.csv"'
    return file


def _informed() -> dict[str, str]:
    """How the people of the file were told of it, when staff say so."""
    told = request.form.get("informed_by", "").strip()
    return {"informed_by": told} if told else {}


def _list(error: str = "") -> str:
    found = clients.directory().get("/imports", limit=50)
    return render_template("console/imports.html", found=found, error=error)
