"""Open deadlines, computed again after the calendar has changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine.runtime.case import Case, open_timer
from engine.runtime.evaluation import Evaluation
from engine.runtime.specs.activities import UserTaskSpec
from engine.runtime.values import Trouble
from engine.runtime.workflows import ROOT_ID, Task, is_live, live_tasks, scopes


def recompute(case: Case) -> None:
    """Compute every open deadline that read the calendar again, as of the instant it was opened.

    What comes out differently is changed and noted (`deadline:recomputed`: item, field, before, due); what
    cannot be computed any more keeps its old value and is noted too (`deadline:kept`: item, cause).
    """
    for scope in scopes(case.top):
        for task in live_tasks(scope):
            spec, kept = task.task_spec, task.internal_data
            if isinstance(spec, UserTaskSpec) and "work" in kept:
                _again(case, task, kept["work"], ("due", "follow_up"))
            elif kept.get("wait", {}).get("kind") == "timer":
                _again(case, task, kept["wait"], ("due",))


def _again(case: Case, task: Task, kept: dict[str, Any], fields: tuple[str, ...]) -> None:
    if not any(kept.get(field) and kept[field][3] for field in fields):
        return
    evaluation = Evaluation(case.feel, datetime.fromisoformat(kept["at"]))
    try:
        computed = _computed(task, evaluation)
    except Trouble as trouble:
        case.happen("deadline:kept", task, {"item": task.id, "cause": trouble.message})
        return
    for field in fields:
        before, due = kept.get(field), computed.get(field)
        if before != due and (before is None or due is None or before[0] != due[0]):
            facts = {"before": before and before[0], "due": due and due[0]}
            case.happen("deadline:recomputed", task, {"item": task.id, "field": field, **facts})
        kept[field] = due


def _computed(task: Task, evaluation: Evaluation) -> dict[str, Any]:
    spec = task.task_spec
    if isinstance(spec, UserTaskSpec):
        return dict(spec.deadlines(task, evaluation))
    keeper = task.parent
    guards = keeper is not None and keeper.id != ROOT_ID and is_live(keeper)
    return open_timer(spec.event, keeper if guards else task, evaluation)
