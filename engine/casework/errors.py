"""Why a use case is refused. Web maps each family to one answer: 404, 403, 409, 422."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.clock import SHANGHAI
from engine.errors import EngineError
from engine.problems import Problem


class CaseworkError(EngineError):
    """操作没有完成。"""


class NotFound(CaseworkError):
    """没有找到，或者您无权查看。"""


class NotAllowed(CaseworkError):
    """您没有这项权限。"""


class NotACandidate(NotAllowed):
    """这项任务不归您办理。"""

    def __init__(self, groups: Sequence[str]) -> None:
        owners = "、".join(groups)
        super().__init__(f"这项任务由“{owners}”办理，您不在其中。" if owners else None)
        self.groups = tuple(groups)


class FourEyes(NotAllowed):
    """前一步由您办理，这一步须由他人办理。"""

    def __init__(self, element_name: str) -> None:
        super().__init__(f"“{element_name}”由您办理，按规定这一步须由另一人办理，请由同事领取。")
        self.element_name = element_name


class Conflict(CaseworkError):
    """情况已经变化，请刷新页面后再试。"""


class TaskAlreadyCompleted(Conflict):
    """任务已经办结。"""

    def __init__(self, by: str, by_name: str, at: datetime) -> None:
        super().__init__(f"任务已由{by_name}于{_moment(at)}办结。")
        self.by = by
        self.at = at


class TaskCanceled(Conflict):
    """任务已取消，无需再办理。"""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"流程已于{_moment(at)}离开这一步，任务已取消，无需再办理。")
        self.at = at


class TaskClaimedBySomeoneElse(Conflict):
    """任务已由他人领取。"""

    def __init__(self, by: str, by_name: str) -> None:
        super().__init__(f"任务已由{by_name}领取。需要接手时，请对方退回或由管理员改派。")
        self.by = by


class CaseEnded(Conflict):
    """案件已经结束，不能再变更。"""


class NoIncident(Conflict):
    """这里没有待处理的异常，可能已经恢复。"""


class Invalid(CaseworkError):
    """提交的内容有误。"""


class UnknownProcess(NotFound):
    """没有部署这个流程。"""

    def __init__(self, process_id: str) -> None:
        super().__init__(f"没有部署流程“{process_id}”。")
        self.process_id = process_id


class DeploymentRefused(CaseworkError):
    """部署未通过检查。"""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = "；".join(str(problem) for problem in self.problems[:3])
        super().__init__(f"部署未通过检查，共{len(self.problems)}处问题：{first}")


def _moment(at: datetime) -> str:
    local = at.astimezone(SHANGHAI)
    return f"{local:%Y}年{local.month}月{local.day}日{local:%H:%M}"
