"""Finding cases by number, name, phone or product. The words are posted: never in an address or a log."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from web.context import person, services

LIMIT = 50


def show() -> AnyResponse | str:
    """List the cases that contain the words, newest first; a full case number leads straight to its case."""
    text = request.form.get("text", "").strip()[:100]
    cases = services().worklist.search(text, person(), limit=LIMIT)
    if len(cases) == 1 and cases[0].number.casefold() == text.casefold():
        return redirect(url_for("case.show", key=cases[0].key), 303)
    return render_template("search.html", text=text, cases=cases, limit=LIMIT)
