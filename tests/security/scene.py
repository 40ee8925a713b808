"""Cases at several stages, and clients for everybody who might want something of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from engine import tables
from engine.database import Database
from tests.security.conftest import picture
from tests.web.office import REFUND, Browser, Office

ROLES = {
    "anonymous": None,
    "outsider": "nora",  # no group
    "member": "bob",  # of the group that the open task is offered to; holds one of the tasks
    "other": "charlie",  # of a group that has no part in it
    "starter": "stella",  # started the case
    "auditor": "audra",
    "admin": "adam",
    "owner": "olga",  # process owner
}


@dataclass
class Scene:
    """Cases at several stages, and clients for everybody. `renew` replaces what an accepted request has used up."""

    office: Office
    database: Database
    clients: dict[str, Browser]
    keys: dict[str, int]
    answers: dict[str, Any]
    deployed: int = 0
    broken: int = 0

    @classmethod
    def set(cls, office: Office, **answers: Any) -> Scene:
        clients = {role: office.client(username) for role, username in ROLES.items()}
        scene = cls(office, Database(office.house.settings.database_url), clients, {"nothing": 999_999}, answers)
        scene._far_advanced()
        scene.renew()
        return scene

    def renew(self) -> None:
        work = self.office.house.casework
        case = self.office.register(by="stella", **self.answers)
        task = self.office.open_tasks(case)["compare"]
        other = self.office.register(by="stella", **self.answers)
        held = self.office.open_tasks(other)["compare"]
        work.claim(held, by="bob")
        closed = next(item.key for item in self.view(case).items if item.element_id == "register")
        linked = work.attach(by="stella", name="伤口.jpg", content=picture(), case_key=case).key
        loose = work.attach(by="stella", name="未交.jpg", content=picture(), item_key=task).key
        self.keys |= {"other": other, "ended": self._ended()}
        self.keys |= {"case": case, "task": task, "held": held, "closed": closed, "linked": linked, "loose": loose}
        # Trying again fails again, as a new work item.
        self.keys["incident"] = self.view(self.broken).incidents[0].item_key

    def _ended(self) -> int:
        """Return a case that an administrator has ended."""
        case = self.office.register(by="stella", **self.answers)
        self.office.house.casework.cancel_case(case, "顾客撤回", by="adam")
        return case

    def number_of(self, name: str) -> str:
        number: str = self.view(self.keys[name]).case.number
        return number

    def _far_advanced(self) -> None:
        """Bring one case to its document, another to an incident."""
        for agreed in ("yes", "no"):
            case = self.office.register(by="stella", **self.answers)
            for answers in ({"matches": True}, {"agreed": agreed}):
                [task] = self.office.open_tasks(case).values()
                self.office.house.casework.complete_task(task, answers, by="bob")
            self.office.work()
            view = self.view(case)
            if agreed == "yes":
                self.keys["document"] = view.documents[0].key
                assert view.documents[0].state == "READY"
            else:
                self.broken = case

    def view(self, case: int) -> Any:
        auditor = self.office.house.identity.find("audra")
        assert auditor is not None
        return self.office.house.worklist.case(case, auditor)

    def changes(self) -> tuple[Any, ...]:
        """Return what moves whenever anything of the house is changed."""
        with self.database.read() as tx:
            counts = [
                tx.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (tables.journal, tables.attachment, tables.draft, tables.deployment, tables.case)
            ]
            assignees = tx.execute(select(tables.work_item.c.key, tables.work_item.c.assignee)).all()
        return (*counts, tuple(map(tuple, assignees)))

    def new_diagram(self) -> bytes:
        """Return a diagram that differs from every one before."""
        self.deployed += 1
        old, new = 'id="refund_check" name="核对票据"', f'id="refund_check" name="核对票据（{self.deployed}）"'
        original = (REFUND / "workflows" / "refund_check.bpmn").read_text(encoding="utf-8")
        assert old in original
        return original.replace(old, new).encode()
