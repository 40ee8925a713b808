"""What went wrong and waits for somebody: cause in plain words, retry after mending."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from engine.permissions import Act, may
from web.context import person, services
from web.pages.sign_in import local_address


def show() -> str:
    return render_template(
        "incidents.html", incidents=services().worklist.incidents(person()), may_retry=may(person(), Act.RETRY_INCIDENT)
    )


def retry(item_key: int) -> AnyResponse:
    services().casework.retry_incident(item_key, by=person().username)
    flash(gettext("已重试。若仍不成功，异常会再次出现并写明原因。"), "done")
    return redirect(local_address(request.form.get("next"), url_for("incidents.show")), 303)
