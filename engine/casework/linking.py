"""Cases that belong together: a duplicate merged into another, a finished one taken up again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from engine import identity, permissions, store
from engine.casework.errors import CaseEnded, Conflict, Invalid, NotAllowed, NotFound
from engine.casework.house import UseCases, number_in, person, use_case
from engine.casework.log import chain_of, keep
from engine.casework.results import CaseRef
from engine.casework.starting import begin_case, stated
from engine.casework.step import open_step
from engine.casework.tasks import attachments_in
from engine.casework.visibility import may_see, standings
from engine.permissions import Act
from engine.tables import AnyRow, attachment, canonical, case, case_link

MERGED, REOPENED = "MERGED", "REOPENED"
CARRIED = "case_carried"
"""Process property: the variables, separated by commas, that a follow-on case begins with."""


class Links(UseCases):
    @use_case
    def merge_case(self, case_key: int, into: str, reason: str, *, by: str) -> int:
        """End a duplicate, pointing to the case with the number `into`, and return that case's key.

        Nothing is moved: documents and attachments stay with the duplicate and are shown with the other. Raise
        `NotFound` (either), `NotAllowed`, `CaseEnded` or `Invalid` (itself, or one that is merged or cancelled).
        """
        reason = stated(reason, "请填写并案的原因。")
        with self._house.database.begin() as tx:
            who = person(tx, by)
            _refuse(tx, who, case_key, Act.MERGE_CASE, "只有经办人员可以并案。")
            target = tx.execute(select(case.c.key).where(case.c.number == into.strip().upper())).scalar_one_or_none()
            if target is None or not may_see(tx, who, target):
                raise NotFound(f"没有找到案件“{into.strip()}”，或者您无权查看。")
            if target == case_key:
                raise Invalid("案件不能并入自己。")
            # Always in the order of keys: two people who merge crosswise cannot wait for each other.
            rows = {key: store.lock_case(tx, key) for key in sorted((case_key, target))}
            duplicate, other = rows[case_key], rows[target]
            if duplicate is None or other is None:
                raise NotFound
            if duplicate.state != "ACTIVE":
                raise CaseEnded(f"案件{duplicate.number}已经结束，不能再并案。")
            if other.state == "CANCELED":
                raise Invalid(f"案件{other.number}已经取消或并入别的案件，请并入还在办理的那一件。")
            step = open_step(self._house, tx, duplicate, who)
            step.record("case:merged", {"into": other.number, "reason": reason})
            step.run.cancel()
            step.state = "CANCELED"
            step.save()
            chain = chain_of(other, at=step.now, by=by)
            chain.append("case:took_in", {"number": duplicate.number, "reason": reason})
            keep(tx, chain)
            _link(tx, MERGED, case_key, target, reason, by=by, at=step.now)
            return int(target)

    @use_case
    def reopen_case(self, case_key: int, reason: str, *, by: str) -> CaseRef:
        """Begin a new case of the same process that takes up a finished one, and return it.

        It begins with the variables that the process property `case_carried` names, the attachments in them copied, and
        `reopened`: {number, reason}. Raise `NotFound`, `NotAllowed`, `Conflict` (not finished, merged, taken up
        already).
        """
        reason = stated(reason, "请填写重新办理的原因。")
        with self._house.database.begin() as tx:
            who = person(tx, by)
            _refuse(tx, who, case_key, Act.REOPEN_CASE, "只有经办人员可以重新办理。")
            old = store.lock_case(tx, case_key)
            if old is None:
                raise NotFound
            if old.state == "ACTIVE":
                raise Conflict(f"案件{old.number}还在办理，不必重新办理。")
            onward = tx.execute(_ONWARD, {"key": case_key}).first()
            if onward is not None:
                what = "已并入" if onward.kind == MERGED else "已由案件"
                rest = "" if onward.kind == MERGED else "重新办理"
                raise Conflict(f"案件{old.number}{what}{onward.number}{rest}，请在那一件里办理。")
            step = begin_case(
                self._house,
                tx,
                old.process_id,
                {**self._carried(tx, old), "reopened": {"number": old.number, "reason": reason}},
                by=who,
                start_event=None,
                prepare=lambda key, variables: _copied(tx, variables, case_key, key),
            )
            step.record("case:follows", {"number": old.number, "reason": reason})
            step.save()
            chain = chain_of(old, at=step.now, by=by)
            chain.append("case:reopened", {"number": step.case.number, "reason": reason})
            keep(tx, chain)
            _link(tx, REOPENED, case_key, step.case.key, reason, by=by, at=step.now)
            return CaseRef(step.case.key, step.case.number, step.next_items())

    def _carried(self, tx: Connection, old: AnyRow) -> Mapping[str, Any]:
        bundle = self._house.deployments.bundle(tx, old.deployment_key)
        process = bundle.diagrams.get(old.process_id)
        names = process.properties.get(CARRIED, "") if process is not None else ""
        known = self._house.runtime.restore(bundle, old.runtime_state, now=self._house.clock.now()).variables
        return {name: known[name] for part in names.split(",") if (name := part.strip()) in known}


_ONWARD = (
    select(case_link.c.kind, case.c.number)
    .join(case, case.c.key == case_link.c.to_case_key)
    .where(case_link.c.from_case_key == bindparam("key"))
)


def _refuse(tx: Connection, who: identity.Person, case_key: int, act: Act, refusal: str) -> None:
    """Raise unless `who` sees the case and may do this to it."""
    theirs = standings(tx, who, case_key)
    known = tx.execute(select(case.c.key).where(case.c.key == case_key)).first()
    if known is None or not permissions.may(who, Act.SEE_CASE, *theirs):
        raise NotFound
    if not permissions.may(who, act, *theirs):
        raise NotAllowed(refusal)


def _link(tx: Connection, kind: str, ended: int, onward: int, reason: str, *, by: str, at: datetime) -> None:
    values = {"kind": kind, "from_case_key": ended, "to_case_key": onward, "reason": reason}
    tx.execute(insert(case_link).values(**values, made_by=by, made_at=at))


def _copied(tx: Connection, variables: Mapping[str, Any], from_case: int, to_case: int) -> dict[str, Any]:
    """Return the variables with the attachments in them registered again for another case. The files are the same."""
    copy: dict[str, Any] = json.loads(canonical(dict(variables)))
    for answer in attachments_in(copy):
        theirs = attachment.c.key == number_in(answer["key"]), attachment.c.case_key == from_case
        columns = attachment.c.name, attachment.c.sha256, attachment.c.uploaded_by, attachment.c.uploaded_at
        row = tx.execute(select(*columns).where(*theirs)).one_or_none()
        if row is not None:
            again = insert(attachment).values(case_key=to_case, **row._asdict()).returning(attachment.c.key)
            answer["key"] = str(tx.execute(again).scalar_one())
    return copy
