"""Open a deadline: a statutory or internal limit that runs on the case beside all others.

Headers: `deadline` (its id), `title`, `kind`, `notify` (groups told at the reminder and when it is missed), `must`
(told even out of office hours). Inputs: `due`, `remind_at`. One of the same id that runs already gets the new limit.
"""

from __future__ import annotations

from typing import Any

from engine.operations import DeadlineOrder, Job, Operation, OperationFailed, OperationTransaction, Parameter
from engine.operations._deadlines import DEADLINE, DUE, deadline_id, due
from engine.runtime import values

KINDS = {"statutory": "法定", "internal": "内部"}


class OpenDeadline(Operation):
    type = "open_deadline"
    label = "期限开始计时"
    inline = True
    headers = (
        Parameter("deadline", "期限标识", required=True, description="本案内唯一，例如 acceptance"),
        Parameter("title", "期限名称", required=True, description="例如 受理期限"),
        Parameter("kind", "性质", default="internal", choices=KINDS),
        Parameter("notify", "通知哪些组", description="用逗号分开；提醒和超期时告知"),
        Parameter("must", "夜间和节假日也通知", default="no", choices={"yes": "是", "no": "否"}),
    )
    inputs = (DUE, Parameter("remind_at", "提醒时间", description="FEEL 日期时间；不填则不提前提醒"))

    def prepare(self, tx: OperationTransaction, job: Job) -> dict[str, Any]:
        tx.open_deadline(
            job,
            DeadlineOrder(
                id=deadline_id(job),
                title=job.headers.get("title", "").strip() or deadline_id(job),
                kind=_kind(job),
                due=due(job),
                remind_at=_remind_at(job),
                notify=values.names(job.headers.get("notify"), "notify"),
                must=job.headers.get("must", "").strip().lower() == "yes",
            ),
        )
        return {}

    def perform(self, job: Job) -> dict[str, Any]:
        return {}


def _kind(job: Job) -> str:
    kind = job.headers.get("kind", "").strip() or "internal"
    if kind not in KINDS:
        raise OperationFailed(f"“{DEADLINE.label}”的性质只能是 {'、'.join(KINDS)}。", permanent=True)
    return kind


def _remind_at(job: Job) -> Any:
    try:
        found = values.deadline(job.inputs.get("remind_at"), end_of_day=False)
    except values.Trouble as error:
        raise OperationFailed(f"期限的提醒时间有误：{error.message}", permanent=True) from error
    return found.at if found else None
