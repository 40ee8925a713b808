"""The front door for everybody: bring a matter, and ask where it stands. No account; switched on by a setting."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any, cast

from flask import Flask, Response, abort, current_app, make_response, render_template, request, session, url_for
from flask_babel import gettext
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from engine import files
from engine.casework.tasks import attachments_in
from engine.deployments import Bundle
from engine.dialect import Process
from engine.entries import PUBLIC as ENTRY
from engine.entries import entry_process, start_form
from engine.errors import EngineError
from engine.identity import PUBLIC
from engine.ports import Clock
from forms import Form
from web.context import RequestError, answers_of_request, json_answer, services, settings, wants_json
from web.throttle import Throttle, ThrottledError

UPLOAD_LIMIT = 10 * 1024**2
"""Bytes of one file: strangers get less room than staff."""

MOST_FILES = 6
ORIGIN = "public"
TRAP = "website"
"""A field that people do not see. What fills it in is a machine."""

_SHOWN_TYPES = ("image/", "application/pdf")


class Throttles:
    """How much one address may bring and ask, and how often the phone of one case may be guessed."""

    def __init__(self, clock: Clock) -> None:
        hour = timedelta(hours=1)
        self.matters = Throttle(clock, limit=10, window=hour)
        self.files = Throttle(clock, limit=40, window=hour)
        self.questions = Throttle(clock, limit=5)


def install(app: Flask, clock: Clock) -> None:
    """Add what the pages keep, and the smaller limit of what a stranger may send."""
    app.extensions["hejie_public"] = Throttles(clock)

    @app.before_request
    def limit() -> None:
        if (request.endpoint or "").startswith("public."):
            request.max_content_length = _upload_limit() + 64 * 1024


def complaint() -> str:
    """Show the form of the process that takes in what the public brings."""
    bundle, process = _entry()
    form = _form(bundle, process)
    once = secrets.token_urlsafe(16)
    return render_template("public_complaint.html", form=_form_data(bundle, process, form), trap=TRAP, once=once)


def upload() -> Response:
    """Keep a file for the matter being written: pictures and PDF only, a few, and small ones."""
    _entry()
    _count(_throttles().files)
    file, kept = request.files.get("file"), session.get("public_files", [])
    if file is None or not file.filename:
        raise RequestError(gettext("没有收到文件，请重新选择。"))
    if len(kept) >= MOST_FILES:
        return json_answer({"error": gettext("最多传 %(most)s 个文件。", most=MOST_FILES)}, 422)
    content = file.stream.read(_upload_limit() + 1)
    if len(content) > _upload_limit():
        limit = _upload_limit() // 1024**2
        return json_answer({"error": gettext("文件超过 %(limit)s MB 的上限，请压缩或分开上传。", limit=limit)}, 413)
    if not files.inspect(file.filename, content).content_type.startswith(_SHOWN_TYPES):
        return json_answer({"error": gettext("这里只收照片和 PDF。")}, 422)
    attachment = services().casework.attach(by=PUBLIC, name=file.filename, content=content)
    session["public_files"] = [*kept, attachment.key]
    return json_answer(attachment.as_answer(), 201)


def submit() -> AnyResponse:
    """Take the matter in and go to the page with its number. Sent again, the same page's matter is taken in once."""
    bundle, process = _entry()
    if request.form.get(TRAP):
        return _done()  # a machine: it is told nothing, not even that it was found out
    _must_be_allowed(_throttles().matters)
    once = request.form.get("once", "")[:64]
    known = services().casework.taken_in(ORIGIN, once) if once else None
    if known is not None:  # it had arrived, and only the answer got lost
        session["public_received"] = known.number
        return _done()
    form = _form(bundle, process)
    reading = form.read(answers_of_request(), {}, now=services().clock.now())
    own = {str(key) for key in session.get("public_files", [])}
    if reading.errors:
        message = gettext("有 %(count)s 处需要更正。", count=len(reading.errors))
        return json_answer({"error": message, "errors": reading.errors}, 422)
    if any(str(found["key"]) not in own for found in attachments_in(reading.answers)):
        raise RequestError(gettext("附件已不在，请重新上传。"))
    variables = {**reading.answers, "channel": "web"}
    _count(_throttles().matters)
    received = services().casework.take_in(ENTRY, variables, by=PUBLIC, origin=ORIGIN, reference=once)
    session.pop("public_files", None)
    session["public_received"] = received.case.number
    return _done()


def received() -> AnyResponse:
    """Show the number, to whom it was just given."""
    _entry()
    number = session.get("public_received")
    if not number:
        return redirect(url_for("public.complaint"), 303)
    return make_response(render_template("public_received.html", number=number))


def status() -> AnyResponse:
    """Ask for number and phone; on a POST answer where the case stands, the same for every wrong pair."""
    _entry()
    if request.method == "GET":
        return make_response(_status_page())
    number, phone = request.form.get("number", "")[:100], request.form.get("phone", "")[:40]
    throttle, address = _throttles().questions, request.remote_addr or ""
    try:
        throttle.must_be_allowed(number, address)
    except ThrottledError as error:
        return make_response(_status_page(refusal=_too_often(error), number=number), 429)
    found = services().worklist.public_status(number, phone)
    if found is None:
        throttle.failed(number, address)
        refusal = gettext("没有查到。请核对编号和电话：电话要用提交时留的号码。")
        return make_response(_status_page(refusal=refusal, number=number), 422)
    return make_response(_status_page(found=found, number=number))


def _status_page(**words: Any) -> str:
    return render_template("public_status.html", **{"found": None, "refusal": "", "number": "", **words})


def _entry() -> tuple[Bundle, Process]:
    """Return the process behind the door. 404 while the door is shut, or leads nowhere."""
    bundle = services().deployments.latest() if settings().public else None
    process = entry_process(bundle, ENTRY) if bundle is not None else None
    if bundle is None or process is None:
        abort(404)
    return bundle, process


def _form(bundle: Bundle, process: Process) -> Form:
    file = start_form(bundle, process)
    if file is None:
        abort(404)
    return services().forms.get(file, bundle.files[file])


def _form_data(bundle: Bundle, process: Process, form: Form) -> dict[str, Any]:
    return {
        "schema": json.loads(bundle.files[start_form(bundle, process) or ""]),
        "data": form.initial({}),
        "uploads": {"url": url_for("public.upload"), "itemKey": None, "caseKey": None, "limit": _upload_limit()},
    }


def _upload_limit() -> int:
    return min(UPLOAD_LIMIT, settings().upload_limit_bytes)


def _done() -> AnyResponse:
    address = url_for("public.received")
    return json_answer({"location": address}) if wants_json() else redirect(address, 303)


def _throttles() -> Throttles:
    return cast("Throttles", current_app.extensions["hejie_public"])


def _must_be_allowed(throttle: Throttle) -> None:
    """Raise `PublicThrottled` if this address has brought too much lately."""
    try:
        throttle.must_be_allowed(request.remote_addr or "", "")
    except ThrottledError as error:
        raise PublicThrottledError(_too_often(error)) from error


def _count(throttle: Throttle) -> None:
    _must_be_allowed(throttle)
    throttle.failed(request.remote_addr or "", "")


def _too_often(error: ThrottledError) -> str:
    return str(gettext("次数太多了，请过 %(minutes)s 分钟再来；急事请打电话。", minutes=error.minutes))


class PublicThrottledError(EngineError):
    """次数太多了，请过一会儿再来；急事请打电话。"""
