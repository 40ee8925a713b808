"""What has come up since: told to a running case by the form of the event that waits for it."""

from __future__ import annotations

import json
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from engine.worklist import SupplementView
from forms import Form
from web.context import answers_of_request, json_answer, person, services, settings, wants_json


def show(key: int) -> str:
    view = services().worklist.supplement(key, person())
    return render_template("supplement.html", view=view, form=_form_data(view, _form(view)))


def tell(key: int) -> AnyResponse:
    """Check the answers and tell the case."""
    view = services().worklist.supplement(key, person())
    reading = _form(view).read(answers_of_request(), view.variables, now=services().clock.now())
    if reading.errors:
        message = gettext("有 %(count)s 处需要更正。", count=len(reading.errors))
        return json_answer({"error": message, "errors": reading.errors}, 422)
    case_key = services().casework.supplement(key, reading.answers, by=person().username)
    flash(gettext("已补充到案件里。"), "done")
    address = url_for("case.show", key=case_key)
    return json_answer({"location": address}) if wants_json() else redirect(address, 303)


def _form(view: SupplementView) -> Form:
    return services().forms.get(view.form_file, view.form)


def _form_data(view: SupplementView, form: Form) -> dict[str, Any]:
    return {
        "schema": json.loads(view.form),
        "data": form.initial(view.variables),
        "uploads": {
            "url": url_for("attachments.upload"),
            "itemKey": view.item_key,
            "caseKey": None,
            "limit": settings().upload_limit_bytes,
        },
    }
