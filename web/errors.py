"""Errors to responses: one table. Every page says what happened and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, Response, make_response, render_template
from flask_babel import gettext, lazy_gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from engine.casework import errors as casework
from engine.errors import EngineError
from engine.files import FileDamaged, FileMissing
from engine.identity import MayNotAdminister
from forms import FormInvalid
from web.context import RequestError, json_answer, wants_json
from web.pages.public import PublicThrottledError
from web.throttle import ThrottledError


@dataclass(frozen=True)
class Answer:
    """What somebody sees of an error: `title` above its own sentence, `next_step` below."""

    status: int
    title: str
    next_step: str


_BACK = lazy_gettext("返回待办列表，看看还有哪些事情。")

# The first class that fits counts, so kinds stand before their family.
TABLE: tuple[tuple[type[Exception], Answer], ...] = (
    (
        casework.NotFound,
        Answer(404, lazy_gettext("没有找到"), lazy_gettext("请核对编号，或从待办列表、案件查询重新进入。")),
    ),
    (
        casework.FourEyes,
        Answer(403, lazy_gettext("需要另一位同事办理"), lazy_gettext("请把任务退回候选组，由另一位同事领取。")),
    ),
    (
        casework.NotAllowed,
        Answer(403, lazy_gettext("没有权限"), lazy_gettext("如确需办理，请联系管理员调整您的岗位。")),
    ),
    (MayNotAdminister, Answer(403, lazy_gettext("没有权限"), lazy_gettext("如确需办理，请联系管理员。"))),
    (casework.Conflict, Answer(409, lazy_gettext("情况已经变化"), _BACK)),
    (casework.Invalid, Answer(422, lazy_gettext("内容需要更正"), lazy_gettext("请返回上一页更正后再提交。"))),
    (FileMissing, Answer(404, lazy_gettext("文件不在库中"), lazy_gettext("请联系管理员检查文件存储。"))),
    (FileDamaged, Answer(500, lazy_gettext("文件已损坏"), lazy_gettext("请联系管理员从备份恢复。"))),
    (
        FormInvalid,
        Answer(500, lazy_gettext("表单有误"), lazy_gettext("请把这句话告诉流程负责人，改正后重新部署。")),
    ),
    (RequestError, Answer(400, lazy_gettext("请求无法处理"), lazy_gettext("请返回上一页重试。"))),
    (
        PublicThrottledError,
        Answer(429, lazy_gettext("请稍后再来"), lazy_gettext("您填写的内容还在原来的页面上。")),
    ),
    (
        ThrottledError,
        Answer(429, lazy_gettext("尝试次数过多"), lazy_gettext("请稍候再登录，或联系管理员重设密码。")),
    ),
    (
        EngineError,
        Answer(422, lazy_gettext("没有办成"), lazy_gettext("请按提示处理后重试；仍不行请联系管理员。")),
    ),
)

_HTTP: dict[int, tuple[str, str, str]] = {
    400: (
        lazy_gettext("请求无法处理"),
        lazy_gettext("这个请求不完整或已经失效。"),
        lazy_gettext("请返回上一页重试。"),
    ),
    401: (
        lazy_gettext("请先登录"),
        lazy_gettext("登录已过期或尚未登录。"),
        lazy_gettext("登录后会回到此页。"),
    ),
    403: (
        lazy_gettext("没有权限"),
        lazy_gettext("您的岗位不能使用此页。"),
        lazy_gettext("如确需办理，请联系管理员。"),
    ),
    404: (
        lazy_gettext("没有找到"),
        lazy_gettext("这个网址没有对应的内容。"),
        lazy_gettext("请从待办列表或案件查询重新进入。"),
    ),
    405: (
        lazy_gettext("请求无法处理"),
        lazy_gettext("此网址不接受这种操作。"),
        lazy_gettext("请从待办列表重新进入。"),
    ),
    413: (
        lazy_gettext("文件太大"),
        lazy_gettext("上传的文件超过了上限。"),
        lazy_gettext("请压缩或分开上传。"),
    ),
    500: (
        lazy_gettext("出了故障"),
        lazy_gettext("服务器没能完成这次操作，数据没有改动。"),
        lazy_gettext("请稍后重试；如果反复出现，请把时间告诉管理员。"),
    ),
}


def install(app: Flask) -> None:
    """Register the table with `app`."""
    for kind, answer in TABLE:
        app.register_error_handler(kind, _handler(answer))
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)


def _handler(answer: Answer):  # type: ignore[no-untyped-def]  # Flask's handler types are wider than ours
    def handle(error: Exception) -> Response:
        return _page(answer.status, answer.title, str(error), answer.next_step)

    return handle


def _csrf(_: CSRFError) -> Response:
    response = _page(
        400,
        gettext("页面已过期"),
        gettext("此页打开太久，或已在别处重新登录。"),
        gettext("请返回上一页，刷新后再提交。"),
    )
    response.headers["X-Hejie-Reason"] = "csrf"
    return response


def _http(error: HTTPException) -> Response:
    if error.code is not None and 300 <= error.code < 400:
        return make_response(error.get_response())
    status = error.code or 500
    title, message, next_step = _HTTP.get(status, _HTTP[500])
    return _page(status, title, message, next_step)


def _page(status: int, title: str, message: str, next_step: str) -> Response:
    if wants_json():
        return json_answer({"error": f"{message}", "next_step": f"{next_step}"}, status)
    body = render_template("error.html", status=status, title=title, message=message, next_step=next_step)
    return make_response(body, status)
