"""What a case may do: the use cases. Each is one function, one transaction, one commit.

    casework = Casework(
        database, runtime, deployments, clock=clock, feel=feel, operations=[…], file_store=files, org_code="HJ",
        wake=worker.wake,
    )

`by` is a username (`identity.SYSTEM` for start-up, timers and jobs). What a person may do is decided here, by
`engine.permissions`; a page only leaves out what would be refused. Errors are in `engine.casework.errors`, each with
a Chinese sentence: `NotFound` (404, also for what one may not see), `NotAllowed` with `NotACandidate` and `FourEyes`
(403), `Conflict` with `TaskAlreadyCompleted(by, at)`, `TaskClaimedBySomeoneElse(by)`, `TaskCanceled`, `CaseEnded`,
`NoIncident` (409), `Invalid` and `DeploymentRefused(problems)` (422).

A user task's header `not_completed_by` lists ids of elements whose completer may not take it (four eyes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from engine.casework.attaching import Attachments
from engine.casework.deadlines import Deadlines
from engine.casework.deploying import Deploying
from engine.casework.house import House
from engine.casework.incidents import Incidents
from engine.casework.jobs import Jobs
from engine.casework.linking import Links
from engine.casework.messages import Messages
from engine.casework.receiving import Receiving
from engine.casework.results import Attachment, CaseRef, DeploymentInfo, Outcome, ProcessVersion
from engine.casework.starting import Cases
from engine.casework.supplements import Supplements
from engine.casework.tasks import Tasks
from engine.casework.timers import Timers
from engine.database import Database
from engine.deployments import Deployments
from engine.feel import Feel
from engine.files import FileStore
from engine.office_hours import OfficeHours
from engine.operations import Operation
from engine.ports import Clock, Notifier
from engine.runtime import Runtime

__all__ = ["Attachment", "CaseRef", "Casework", "DeploymentInfo", "Outcome", "ProcessVersion"]


class Casework(
    Deploying,
    Cases,
    Tasks,
    Attachments,
    Messages,
    Incidents,
    Jobs,
    Timers,
    Deadlines,
    Links,
    Receiving,
    Supplements,
):
    """The use cases. Thread-safe."""

    def __init__(
        self,
        database: Database,
        runtime: Runtime,
        deployments: Deployments,
        *,
        clock: Clock,
        feel: Feel,
        operations: Iterable[Operation],
        file_store: FileStore,
        org_code: str,
        notifier: Notifier | None = None,
        office_hours: OfficeHours | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            House(
                database=database,
                deployments=deployments,
                runtime=runtime,
                clock=clock,
                feel=feel,
                operations={operation.type: operation for operation in operations},
                files=file_store,
                org_code=org_code,
                notifier=notifier,
                office_hours=office_hours or OfficeHours(),
                wake=wake,
            )
        )

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The vocabulary: job type -> verb."""
        return self._house.operations
