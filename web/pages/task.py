"""A task: its form, the case beside it, and what can be done with it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from engine.worklist import SIMILAR_CASES, TaskBrief, TaskView
from forms import Form, Reading
from web.context import answers_of_request, json_answer, person, services, settings, wants_json
from web.pages import diagrams, history
from web.pages.sign_in import local_address


def show(key: int) -> AnyResponse:
    return make_response(_page(services().worklist.item(key, person())))


def similar(key: int) -> str:
    """Answer the cases like this one, as it stands with the draft."""
    return render_template("task_similar.html", key=key, similar=services().worklist.similar(key, person()))


def claim(key: int) -> AnyResponse:
    """Take the task; it opens, or the list comes back if that is where the button was."""
    services().casework.claim(key, by=person().username)
    return redirect(local_address(request.form.get("next"), url_for("task.show", key=key)), 303)


def release(key: int) -> AnyResponse:
    services().casework.release(key, by=person().username)
    flash(gettext("已退回，同岗位的同事可以领取。"), "done")
    return redirect(local_address(request.form.get("next"), url_for("work_list.show")), 303)


def assign(key: int) -> AnyResponse:
    """Hand the task to somebody else."""
    to = request.form.get("to", "")
    services().casework.assign(key, to, by=person().username)
    someone = services().identity.find(to)
    flash(gettext("已交给 %(name)s。", name=someone.display_name if someone else to), "done")
    return redirect(url_for("work_list.show"), 303)


def save_draft(key: int) -> Response:
    """Keep what has been typed so far, complete or not."""
    saved_at = services().casework.save_draft(key, answers_of_request(), by=person().username)
    return json_answer({"saved_at": _iso(saved_at)})


def complete(key: int) -> AnyResponse:
    """Check the answers and complete the task: 303 to what comes next, 422 with all that was typed."""
    raw = answers_of_request()
    task = services().worklist.brief(key, person())
    reading = _read(task, raw)
    if reading.errors:
        if wants_json():
            message = gettext("有 %(count)s 处需要更正。", count=len(reading.errors))
            return json_answer({"error": message, "errors": reading.errors}, 422)
        whole = services().worklist.item(key, person())
        return make_response(_page(whole, typed=raw, errors=reading.errors), 422)
    outcome = services().casework.complete_task(key, reading.answers, by=person().username)
    if outcome.next_item_keys:
        flash(gettext("“%(task)s”已完成，接着办下一项。", task=task.name), "done")
        address = url_for("task.show", key=outcome.next_item_keys[0])
    else:
        ended = gettext("“%(task)s”已完成，案件 %(number)s 办结。", task=task.name, number=task.case_number)
        on = gettext("“%(task)s”已完成，案件 %(number)s 由下一岗位接办。", task=task.name, number=task.case_number)
        flash(ended if outcome.finished else on, "done")
        address = url_for("work_list.show")
    return json_answer({"location": address}) if wants_json() else redirect(address, 303)


def _read(task: TaskBrief, raw: dict[str, Any]) -> Reading:
    form = _form(task)
    if form is None:
        return Reading(answers={}, errors={})  # completed at a press
    return form.read(raw, task.variables, now=services().clock.now())


def _form(task: TaskBrief | TaskView) -> Form | None:
    if task.form is None or task.form_file is None:
        return None
    return services().forms.get(task.form_file, task.form)


def _page(task: TaskView, *, typed: dict[str, Any] | None = None, errors: dict[str, list[str]] | None = None) -> str:
    form = _form(task)
    return render_template(
        "task.html",
        task=task,
        form=form and _form_data(task, form, typed, errors or {}),
        errors=errors or {},
        similar=services().worklist.similar(task.key, person()) if _asks_for_similar(task) else None,
        colleagues=_colleagues(task) if task.may_assign else [],
        diagrams=diagrams.for_page(task.case.key, task.diagrams, here=(task.process_id, task.element_id)),
        history=history.entries(task.timeline, diagrams.forms_of(task.case.key)),
    )


def _asks_for_similar(task: TaskView) -> bool:
    return task.may_complete and task.headers.get(SIMILAR_CASES) == "yes"


def _form_data(
    task: TaskView, form: Form, typed: dict[str, Any] | None, errors: dict[str, list[str]]
) -> dict[str, Any]:
    """Return what the page's script needs. Typed words win over a draft, a draft over what the case knows."""
    data = dict(form.initial(task.variables)) | dict(task.draft or {}) | (typed or {})
    return {
        "key": task.key,
        "schema": json.loads(task.form or b"{}"),
        "data": data,
        "errors": errors,
        "readOnly": not task.may_complete,
        "draftUrl": url_for("task.save_draft", key=task.key),
        "draft": task.draft,
        "draftSavedAt": _iso(task.draft_saved_at),
        "uploads": {
            "url": url_for("attachments.upload"),
            "itemKey": task.key,
            "caseKey": None,
            "limit": settings().upload_limit_bytes,
        },
    }


def _iso(at: datetime | None) -> str | None:
    """Return the instant as JavaScript writes it, so that the two compare as texts."""
    if at is None:
        return None
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def _colleagues(task: TaskView) -> list[tuple[str, str]]:
    people = {
        someone.username: someone
        for group in task.candidate_groups
        for someone in services().identity.members(group)
        if someone.username != task.assignee
    }
    return sorted((username, someone.display_name) for username, someone in people.items())
