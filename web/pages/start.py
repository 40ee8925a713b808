"""Starting a case: which procedures there are; the first task of the chosen one asks what is to be asked."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from web.context import person, services


def show() -> str:
    """List what this person may start."""
    return render_template("start.html", processes=services().worklist.startable(person()))


def begin(process_id: str) -> AnyResponse:
    """Start the procedure and go to its first task, or to the case if that is somebody else's."""
    case = services().casework.start_case(process_id, {}, by=person().username)
    flash(gettext("案件 %(number)s 已建立。", number=case.number), "done")
    if case.next_item_keys:
        return redirect(url_for("task.show", key=case.next_item_keys[0]), 303)
    return redirect(url_for("case.show", key=case.key), 303)
