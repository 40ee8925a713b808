"""The journal as a history for people: one Chinese sentence an entry."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from engine.deadlines import describe_instant
from engine.identity import display_names
from engine.tables import AnyRow, journal
from engine.worklist.views import TimelineEntry

TECHNICAL = (
    "element:entered",
    "element:completed",
    "element:cancelled",
    "flow:taken",
    "variables:set",
    "job:completed",
    "number:allocated",
)

MOST_RULES_NAMED = 6
"""A collecting table that matches more is said by their number; the details name them all."""

Facts = Mapping[str, Any]


def entries(
    tx: Connection,
    case_key: int,
    *,
    before: int | None = None,
    limit: int = 100,
    technical: bool = False,
    events: Collection[str] | None = None,
) -> tuple[TimelineEntry, ...]:
    """Return the entries of a case with `seq` below `before`, newest first; only `events` if they are given."""
    query = select(journal).where(journal.c.stream == case_key)
    if events is not None:
        query = query.where(journal.c.event.in_(events))
    if before is not None:
        query = query.where(journal.c.seq < before)
    if not technical:
        query = query.where(journal.c.event.not_in(TECHNICAL))
    rows = tx.execute(query.order_by(journal.c.seq.desc()).limit(limit)).all()
    told = [(row, json.loads(row.facts)) for row in rows]
    names = display_names(tx, [*(row.actor for row in rows), *_mentioned([facts for _, facts in told])])
    return tuple(_entry(row, facts, names) for row, facts in told)


def _entry(row: AnyRow, facts: Facts, names: Mapping[str, str]) -> TimelineEntry:
    return TimelineEntry(
        seq=row.seq,
        at=row.at,
        event=row.event,
        actor=row.actor,
        actor_name=names[row.actor],
        process_id=row.process_id,
        element_id=row.element_id,
        element_name=row.element_name or row.element_id or "",
        item_key=row.item_key,
        text=sentence(row.event, facts, row.element_name or row.element_id or "", names),
        technical=row.event in TECHNICAL,
        facts=facts,
    )


def _mentioned(told: Sequence[Facts]) -> list[str]:
    named = [facts[key] for facts in told for key in ("to", "from", "for") if isinstance(facts.get(key), str)]
    return [*named, *(name for facts in told for name in facts.get("told", ()) if isinstance(name, str))]


def sentence(event: str, facts: Facts, element: str, names: Mapping[str, str]) -> str:
    """Return what happened. An event nobody has put into words yet stands for itself."""
    words = _SENTENCES.get(event)
    if words is None:
        return f"{event}（{element}）" if element else event
    return words(facts, element, names)


def _said(text: str) -> Callable[[Facts, str, Mapping[str, str]], str]:
    return lambda facts, element, names: text.format(element=element)


def _moment(facts: Facts, key: str) -> str:
    try:
        return describe_instant(datetime.fromisoformat(facts[key]))
    except (KeyError, TypeError, ValueError):
        return ""


def _started(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    return f"立案，编号{facts.get('number')}，按“{facts.get('process_name')}”第{facts.get('process_version')}版办理"


def _opened(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    owners = "、".join([*facts.get("candidate_groups", ()), *facts.get("candidate_users", ())]).replace("*", "所有人")
    return f"“{element}”等待{owners or facts.get('assignee') or ''}办理"


def _assigned(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    return f"把“{element}”交给{names.get(str(facts.get('to')), facts.get('to'))}"


def _deadline(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    reasons = "；".join(reason for reason in (facts.get("explanation"), facts.get("rule")) if reason)
    return f"“{element}”的期限为{_moment(facts, 'at')}" + (f"（{reasons}）" if reasons else "")


def _limit(text: str) -> Callable[[Facts, str, Mapping[str, str]], str]:
    """A sentence about a deadline of the case; `{at}` and `{before}` are read as moments."""

    def said(facts: Facts, element: str, names: Mapping[str, str]) -> str:
        moments = {key: _moment(facts, key) for key in ("at", "before")}
        words = {
            "rule": "；".join(reason for reason in (facts.get("explanation"), facts.get("rule")) if reason),
            "told": "，通知：" + "、".join(names.get(name, name) for name in facts["told"])
            if facts.get("told")
            else "",
            "late": "已超期" if facts.get("late") else "按期",
            "unit": {"working_days": "个工作日", "calendar_days": "个自然日"}.get(str(facts.get("unit")), ""),
        }
        return text.format_map({**{"reason": "", "approved_by": "", "days": ""}, **facts, **moments, **words})

    return said


def _resumed(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    by = "" if facts.get("unit") == "exact" else "，顺延{days}{unit}"
    return _limit("期限“{title}”恢复计时" + by + "，至{at}")(facts, element, names)


def _recomputed(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    if "title" in facts:
        return _limit("节假日表变更，期限“{title}”由{before}改为{at}")(facts, element, names)
    return f"节假日表变更，“{element}”的期限由{_moment(facts, 'before')}改为{_moment(facts, 'due')}"


def _decided(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    name = facts.get("name") or facts.get("decision") or element
    if not facts.get("hit_policy"):
        return f"按决策式“{name}”得出结果"
    rules = [str(match["rule"]) for match in facts.get("matched", ())]
    if not rules:
        return f"按决策表“{name}”判定，没有适用的规则"
    if len(rules) > MOST_RULES_NAMED:
        return f"按决策表“{name}”判定，适用{len(rules)}条规则"
    return f"按决策表“{name}”判定，适用第{'、'.join(rules)}条规则"


def _issued(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    number = f"，编号{facts['number']}" if facts.get("number") else "（草稿）"
    return f"出具《{facts.get('title')}》{number}，校验码{facts.get('check_code')}"


def _failed(facts: Facts, element: str, names: Mapping[str, str]) -> str:
    left = facts.get("tries_left", 0)
    return f"“{element}”没有成功：{facts.get('cause')}" + (f"（还会再试{left}次）" if left else "")


def _reason(text: str) -> Callable[[Facts, str, Mapping[str, str]], str]:
    return lambda facts, element, names: text.format(element=element, **{"number": "", "name": "", **facts})


def _on_behalf(text: str) -> Callable[[Facts, str, Mapping[str, str]], str]:
    """A sentence about a task, with whom somebody stood in for."""

    def said(facts: Facts, element: str, names: Mapping[str, str]) -> str:
        other = facts.get("for")
        return text.format(element=element) + (f"（代{names.get(str(other), other)}）" if other else "")

    return said


_SENTENCES: Mapping[str, Callable[[Facts, str, Mapping[str, str]], str]] = {
    "case:started": _started,
    "case:completed": _said("案件办结"),
    "case:canceled": _reason("取消案件，原因：{reason}"),
    "case:comment": _reason("备注：{text}"),
    "message:told": _said("补充情况：{element}"),
    "case:merged": _reason("并入案件{into}，本案到此为止，原因：{reason}"),
    "case:took_in": _reason("案件{number}并入本案，原因：{reason}"),
    "case:reopened": _reason("重新办理，另立案件{number}，原因：{reason}"),
    "case:follows": _reason("接续已结束的案件{number}，原因：{reason}"),
    "case:variables": _reason("更正案件数据，原因：{reason}"),
    "task:opened": _opened,
    "task:claimed": _on_behalf("领取“{element}”"),
    "task:released": _said("退回“{element}”"),
    "task:assigned": _assigned,
    "task:completed": _on_behalf("办结“{element}”"),
    "task:canceled": _said("流程离开“{element}”，任务取消"),
    "task:reminded": _reason("“{element}”发出提醒：{timer}"),
    "deadline:set": _deadline,
    "deadline:opened": _limit("期限“{title}”开始计时，至{at}（{rule}）"),
    "deadline:replaced": _limit("期限“{title}”重新计时，由{before}改为{at}（{rule}）"),
    "deadline:reminded": _limit("期限“{title}”将于{at}到期{told}"),
    "deadline:paused": _limit("期限“{title}”暂停计时，原因：{reason}"),
    "deadline:resumed": _resumed,
    "deadline:extended": _limit("期限“{title}”由{before}延长至{at}，原因：{reason}，批准人：{approved_by}"),
    "deadline:met": _limit("期限“{title}”内的事项{late}完成"),
    "deadline:missed": _limit("期限“{title}”已于{at}超期{told}"),
    "deadline:canceled": _limit("期限“{title}”取消。{reason}"),
    "deadline:recomputed": _recomputed,
    "deadline:kept": lambda facts, element, names: f"期限暂不能重新计算：{facts.get('cause', '')}",
    "cases:sampled": lambda facts, element, names: (
        f"从{facts.get('population', 0)}件已办结的案件中抽取{len(facts.get('drawn', ()))}件（种子{facts.get('seed')}）"
    ),
    "decision:evaluated": _decided,
    "timer:fired": _said("“{element}”到时"),
    "message:received": _said("“{element}”收到消息"),
    "message:correlated": _reason("收到消息“{name}”"),
    "message:published": _reason("发出消息“{name}”"),
    "message:thrown": _said("“{element}”发出消息"),
    "signal:correlated": _reason("收到信号“{name}”"),
    "signal:received": _said("“{element}”收到信号"),
    "signal:thrown": _said("“{element}”发出信号"),
    "error:thrown": _said("“{element}”报告业务错误"),
    "escalation:thrown": _said("“{element}”升级处理"),
    "job:completed": _said("“{element}”自动完成"),
    "job:failed": _failed,
    "incident:raised": lambda facts, element, names: f"“{element}”出现异常：{facts.get('cause', '')}",
    "incident:retried": _said("重试“{element}”的异常"),
    "incident:resolved": _said("“{element}”的异常已解除"),
    "document:issued": _issued,
    "document:ready": _said("文书已生成"),
    "document:voided": _reason("文书作废，原因：{reason}"),
    "number:allocated": _reason("取得编号{number}"),
    "number:voided": _reason("编号{number}作废，原因：{reason}"),
    "attachment:added": _reason("上传附件“{name}”"),
    "element:entered": _said("到达“{element}”"),
    "element:completed": _said("通过“{element}”"),
    "element:cancelled": _said("离开“{element}”"),
    "flow:taken": _said("判断分支“{element}”"),
    "variables:set": _said("写入数据"),
}


def all_events() -> Sequence[str]:
    """Return the events that have a sentence, for a test against the journal's grammar."""
    return tuple(_SENTENCES)
