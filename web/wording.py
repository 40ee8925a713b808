"""How values read on a page: times in Shanghai, time left, sizes, states. The templates' filters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask_babel import gettext, lazy_gettext, ngettext

from engine.clock import SHANGHAI
from engine.worklist import DeadlineView, Urgency
from web.context import services

CASE_STATES = {
    "ACTIVE": lazy_gettext("办理中"),
    "COMPLETED": lazy_gettext("已办结"),
    "CANCELED": lazy_gettext("已取消"),
}
ITEM_STATES = {
    "CREATED": lazy_gettext("待办"),
    "COMPLETED": lazy_gettext("已完成"),
    "CANCELED": lazy_gettext("已取消"),
}
ITEM_KINDS = {
    "user_task": lazy_gettext("人工任务"),
    "job": lazy_gettext("自动任务"),
    "timer": lazy_gettext("等待时间"),
    "message": lazy_gettext("等待消息"),
    "signal": lazy_gettext("等待信号"),
    "incident": lazy_gettext("异常"),
}
LIMIT_STATES = {
    "OPEN": lazy_gettext("计时中"),
    "PAUSED": lazy_gettext("暂停"),
    "MISSED": lazy_gettext("已超期"),
    "MET": lazy_gettext("按期完成"),
    "MET_LATE": lazy_gettext("超期完成"),
    "CANCELLED": lazy_gettext("不再适用"),
}
LIMIT_UNITS = {
    "working_days": lazy_gettext("工作日"),
    "calendar_days": lazy_gettext("自然日"),
}
PUBLIC_STATES = {
    "ACTIVE": lazy_gettext("办理中"),
    "COMPLETED": lazy_gettext("已办结"),
    "CANCELED": lazy_gettext("已停止办理"),
    "MERGED": lazy_gettext("与另一件来件合并办理"),
}
LINK_KINDS = {
    "merged_into": lazy_gettext("本案已并入"),
    "took_in": lazy_gettext("并入本案的案件"),
    "reopened_as": lazy_gettext("已重新办理，另立案件"),
    "follows": lazy_gettext("本案接续"),
}
PERIODS = {
    "day": lazy_gettext("日"),
    "week": lazy_gettext("周"),
    "month": lazy_gettext("月"),
    "quarter": lazy_gettext("季度"),
}
DIMENSIONS = {
    "channel": lazy_gettext("来源"),
    "category": lazy_gettext("类别"),
    "unit": lazy_gettext("责任单位"),
    "product": lazy_gettext("商品"),
    "supplier": lazy_gettext("供应商"),
    "region": lazy_gettext("区域"),
    "grade": lazy_gettext("等级"),
    "kind": lazy_gettext("性质"),
    "outcome": lazy_gettext("处理结果"),
    "satisfaction": lazy_gettext("满意度"),
    "process": lazy_gettext("流程"),
    "state": lazy_gettext("状态"),
    "overdue": lazy_gettext("超期"),
}
"""Dimensions that have a name of their own; others are called as the diagrams call them."""
_VALUES = {
    "kind": {
        "complaint": lazy_gettext("投诉"),
        "report": lazy_gettext("举报"),
        "enquiry": lazy_gettext("咨询"),
        "suggestion": lazy_gettext("建议"),
        "praise": lazy_gettext("表扬"),
    },
    "outcome": {
        "mediated": lazy_gettext("调解成功"),
        "terminated": lazy_gettext("终止"),
        "withdrawn": lazy_gettext("撤回"),
        "refused": lazy_gettext("不予受理"),
    },
    "satisfaction": {
        "satisfied": lazy_gettext("满意"),
        "fairly": lazy_gettext("较满意"),
        "dissatisfied": lazy_gettext("不满意"),
    },
    "state": {
        "finished": lazy_gettext("已办结"),
        "open": lazy_gettext("办理中"),
        "canceled": lazy_gettext("已取消"),
    },
    "overdue": {"yes": lazy_gettext("有超期"), "no": lazy_gettext("没有超期")},
}
DOCUMENT_STATES = {
    "PENDING": lazy_gettext("生成中"),
    "READY": lazy_gettext("可查看"),
    "FAILED": lazy_gettext("生成失败"),
    "VOID": lazy_gettext("已作废"),
}


def local(at: datetime | str | None, style: str = "minute") -> str:
    """Return `at` as read in Shanghai: `minute` 2026-11-23 09:12, `short` 11-23 09:12, `day`, `second`."""
    if not at:
        return ""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    if moment.tzinfo is None:
        return moment.isoformat(sep=" ")
    patterns = {
        "minute": "%Y-%m-%d %H:%M",
        "day": "%Y-%m-%d",
        "short": "%m-%d %H:%M",
        "second": "%Y-%m-%d %H:%M:%S",
    }
    return moment.astimezone(SHANGHAI).strftime(patterns[style])


def deadline_day(at: datetime) -> str:
    """Return the deadline as people say it: the end of a day is that day's 24:00, not the next one's 0:00."""
    moment = at.astimezone(SHANGHAI)
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment - timedelta(days=1):%m-%d} 24:00"
    return f"{moment:%m-%d %H:%M}"


@dataclass(frozen=True)
class Remaining:
    """Time left until a deadline, in words, with the mark that goes with it."""

    text: str
    state: str
    """overdue, today, soon, later"""
    icon: str


def span(length: timedelta) -> str:
    """Return a length in its two largest units, e.g. 2天3小时; 不到1分钟 for less."""
    minutes = int(length.total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [
        ngettext("%(num)d天", "%(num)d天", days) if days else "",
        gettext("%(num)d小时", num=hours) if hours else "",
        gettext("%(num)d分钟", num=minutes) if minutes and not days and hours < 10 else "",
    ]
    return "".join(part for part in parts if part).strip() or gettext("不到1分钟")


_ICONS = {"overdue": "alert", "today": "clock", "soon": "clock", "later": "calendar"}


def remaining(deadline: DeadlineView) -> Remaining:
    """Say how much time is left, seen from now."""
    now = services().clock.now()
    late = deadline.at <= now
    state = "overdue" if late else ("later" if deadline.urgency is Urgency.NONE else str(deadline.urgency))
    length = span(now - deadline.at if late else deadline.at - now)
    text = gettext("已超期 %(length)s", length=length) if late else gettext("剩 %(length)s", length=length)
    return Remaining(text, state, _ICONS.get(state, "calendar"))


def size(number: int | None) -> str:
    """Return bytes as people read them; "" if unknown."""
    if number is None:
        return ""
    if number >= 1024**2:
        return f"{number / 1024**2:.1f} MB"
    return f"{number / 1024:.0f} KB" if number >= 1024 else f"{number} B"


def plain(value: Any) -> str:
    """Return a JSON value in one readable line; — for nothing."""
    if value is None or value in ("", []):
        return "—"
    if isinstance(value, bool):
        return str(gettext("是") if value else gettext("否"))
    if isinstance(value, list):
        return "、".join(plain(each) for each in value)
    if isinstance(value, dict):
        return "；".join(f"{name}：{plain(each)}" for name, each in value.items())
    return str(value)


def dimension_name(name: str) -> str:
    """Return what a dimension of the statistics is called."""
    return str(DIMENSIONS.get(name, name))


def dimension_value(value: str, name: str) -> str:
    """Return a value of a dimension as people say it."""
    return str(_VALUES.get(name, {}).get(value, value))


def install(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.filters.update(
        local=local,
        deadline_day=deadline_day,
        remaining=remaining,
        size=size,
        plain=plain,
        span=span,
        dimension=dimension_name,
        dimension_value=dimension_value,
    )
    app.jinja_env.globals.update(
        CASE_STATES=CASE_STATES,
        ITEM_STATES=ITEM_STATES,
        ITEM_KINDS=ITEM_KINDS,
        LIMIT_STATES=LIMIT_STATES,
        PERIODS=PERIODS,
        LIMIT_UNITS=LIMIT_UNITS,
        DOCUMENT_STATES=DOCUMENT_STATES,
        LINK_KINDS=LINK_KINDS,
        PUBLIC_STATES=PUBLIC_STATES,
    )
