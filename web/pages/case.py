"""A case: its facts, where it stands, what happened, its documents."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from engine.casework.errors import NotFound
from engine.worklist import CaseView, DocumentView, ItemView, TimelineEntry
from web import security
from web.context import key_in, person, services
from web.pages import diagrams, history

FIRST, OLDER = 40, 100
"""Entries of the history on the page itself, and in each further part."""


def show(key: int) -> str:
    case = services().worklist.case(key, person())
    every_step = _every_step()
    told = services().worklist.timeline(key, person(), limit=FIRST, technical=True) if every_step else case.timeline
    return render_template(
        "case.html",
        view=case,
        case=case.case,
        diagrams=diagrams.for_page(key, case.diagrams),
        history=_history(case, told[:FIRST]),
        oldest=told[FIRST - 1].seq if len(told) >= FIRST else None,
        every_step=every_step,
        open_items=[item for item in case.items if item.state == "CREATED" and not _waits(item)],
        waiting_items=[item for item in case.items if item.state == "CREATED" and _waits(item)],
        deadlines=[item for item in case.deadlines if item.kind == "user_task"],
        waiting=_waiting(case.documents),
    )


def timeline(key: int) -> str:
    """Answer the older part of the history, for the end of the list."""
    before = request.args.get("before", type=key_in)
    every_step = _every_step()
    older = services().worklist.timeline(key, person(), before=before, limit=OLDER, technical=every_step)
    return render_template(
        "case_timeline.html",
        key=key,
        history=_history(services().worklist.case(key, person()), older),
        oldest=older[-1].seq if len(older) == OLDER else None,
        every_step=every_step,
    )


def _every_step() -> bool:
    return request.args.get("steps") == "all"


def _history(case: CaseView, told: Sequence[TimelineEntry]) -> list[history.Entry]:
    """Return entries for people: when a reminder is due is no news to them, unless they ask for every step."""
    timers = set() if _every_step() else {item.key for item in case.items if item.kind == "timer"}
    shown = [entry for entry in told if entry.event != "deadline:set" or entry.item_key not in timers]
    return history.entries(shown, diagrams.forms_of(case.case.key))


def documents(key: int) -> str:
    """Answer the list of documents; it asks again by itself while one is being rendered."""
    case = services().worklist.case(key, person())
    return render_template("case_documents.html", key=key, documents=case.documents, waiting=_waiting(case.documents))


def diagram(key: int, process_id: str) -> Response:
    """Answer the diagram of the case's own version."""
    for view in services().worklist.case(key, person()).diagrams:
        if view.process_id == process_id:
            response = Response(view.xml, mimetype="application/xml")
            # Opened by itself it is a document of this site, written by whoever drew it.
            response.headers["Content-Security-Policy"] = security.file_policy("application/xml")
            return response
    raise NotFound(gettext("这个案件没有用到这张流程图。"))


def comment(key: int) -> AnyResponse:
    text = request.form.get("text", "").strip()
    if text:
        services().casework.comment(key, text, by=person().username)
        flash(gettext("留言已记入案件经过。"), "done")
    else:
        flash(gettext("留言是空的，没有保存。"), "problem")
    return redirect(url_for("case.show", key=key) + "#history", 303)


def cancel(key: int) -> AnyResponse:
    """Cancel the case, with a reason: it stays in the record."""
    reason = request.form.get("reason", "").strip()
    if not reason:
        flash(gettext("请写明取消的原因，案件没有取消。"), "problem")
    else:
        services().casework.cancel_case(key, reason, by=person().username)
        flash(gettext("案件已取消。"), "done")
    return redirect(url_for("case.show", key=key), 303)


def merge(key: int) -> AnyResponse:
    """End a duplicate and go to the case it was merged into."""
    reason, into = request.form.get("reason", ""), request.form.get("into", "")
    target = services().casework.merge_case(key, into, reason, by=person().username)
    flash(gettext("已并案，请在这一件里办理。"), "done")
    return redirect(url_for("case.show", key=target), 303)


def reopen(key: int) -> AnyResponse:
    """Take a finished case up again in a new one, and go to its first task."""
    case = services().casework.reopen_case(key, request.form.get("reason", ""), by=person().username)
    flash(gettext("案件 %(number)s 已建立。", number=case.number), "done")
    if case.next_item_keys:
        return redirect(url_for("task.show", key=case.next_item_keys[0]), 303)
    return redirect(url_for("case.show", key=case.key), 303)


def _waits(item: ItemView) -> bool:
    """Say whether nobody has to do anything about it: reminders, escalations, messages that may come."""
    return item.kind in {"timer", "message", "signal"} and not item.incident


def _waiting(documents: tuple[DocumentView, ...]) -> bool:
    return any(document.state == "PENDING" for document in documents)
