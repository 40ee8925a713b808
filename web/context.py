"""What a request may ask for: the services, the settings, who is asking, and the words of the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from flask import Response, current_app, g, request
from flask_babel import gettext

from engine.errors import EngineError
from engine.identity import Person
from web.settings import Settings

if TYPE_CHECKING:
    from web.app import Services
    from web.monitoring import Monitoring


class RequestError(EngineError):
    """这个请求不完整或已经失效。请返回上一页重试。"""


def services() -> Services:
    """Return the services of this application."""
    return cast("Services", current_app.extensions["hejie"])


def monitoring() -> Monitoring:
    """Return what is known of this process."""
    return cast("Monitoring", current_app.extensions["hejie_monitoring"])


def settings() -> Settings:
    return cast(Settings, current_app.extensions["hejie_settings"])


def person() -> Person:
    """Return who is signed in. Only for pages of the route table that ask for it."""
    return cast(Person, g.person)


def key_in(text: str) -> int:
    """Read a key as forms and addresses carry it. Raise ValueError for what is none (`type=key_in`)."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(text)
    return int(text)


def wants_json() -> bool:
    """Say whether a script of ours is asking, rather than somebody looking at a page."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def answers_of_request() -> dict[str, Any]:
    """Return the form's answers out of the posted field `answers`; {} if there is none.

    Raise `RequestError` if it is not a JSON object.
    """
    text = request.form.get("answers", "").strip() or "{}"
    try:
        answers = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise RequestError(gettext("提交的内容不完整，没有保存。请再提交一次。")) from error
    if not isinstance(answers, dict):
        raise RequestError(gettext("提交的内容不完整，没有保存。请再提交一次。"))
    return answers


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are no JSON


def json_answer(content: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, mimetype="application/json")
