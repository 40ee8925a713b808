"""Cases: starting, cancelling, commenting, correcting by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert

from engine import identity, numbering, permissions, store
from engine.casework.errors import CaseEnded, Invalid, NotAllowed, NotFound, UnknownProcess
from engine.casework.house import House, UseCases, person, use_case
from engine.casework.results import CaseRef
from engine.casework.step import Step, open_step
from engine.casework.visibility import standings
from engine.deployments import Bundle, latest_definition
from engine.journal import GENESIS
from engine.permissions import Act
from engine.tables import case

RESERVED = "case"
"""The root variable that is ours: {key, number, started_at, started_by}."""
USER = "user"
"""What forms see of whoever fills them in: {username, name}. Never a variable of the case."""


class Cases(UseCases):
    @use_case
    def start_case(
        self,
        process_id: str,
        variables: Mapping[str, Any] | None = None,
        *,
        by: str,
        attachments: Sequence[int] = (),
        start_event: str | None = None,
    ) -> CaseRef:
        """Start a case of a process of the latest deployment, with a new number, and run it to its waiting points.

        `attachments` are keys of the starter's own loose attachments. `start_event` chooses one of several start
        events; None takes the plain one. Raise `UnknownProcess`, `NotAllowed` (not among the process's starters),
        `Invalid` (a reserved variable) or `numbering.BadPattern`.
        """
        with self._house.database.begin() as tx:
            starter = person(tx, by)
            step = begin_case(
                self._house,
                tx,
                process_id,
                variables or {},
                by=starter,
                start_event=start_event,
                by_hand=True,
            )
            if attachments:
                store.link_attachments(tx, list(attachments), case_key=step.case.key, item_key=None, by=by)
            step.save()
            return CaseRef(step.case.key, step.case.number, step.next_items())

    @use_case
    def cancel_case(self, case_key: int, reason: str, *, by: str) -> None:
        """End a case where it stands; nothing of it is deleted. Raise `NotFound`, `NotAllowed`, `CaseEnded`."""
        reason = stated(reason, "请填写取消案件的原因。")
        with self._house.database.begin() as tx:
            who = person(tx, by)
            step = _open_seen(self._house, tx, case_key, who, Act.CANCEL_CASE, refusal="只有管理员可以取消案件。")
            step.record("case:canceled", {"reason": reason})
            step.run.cancel()
            step.state = "CANCELED"
            step.save()

    @use_case
    def comment(self, case_key: int, text: str, *, by: str) -> None:
        """Put a remark into the case's history. Raise `NotFound`, `NotAllowed` (who only looks), `CaseEnded` or
        `Invalid` (empty, over 4000 long)."""
        text = stated(text, "请填写备注内容。")
        with self._house.database.begin() as tx:
            refusal = "只有经办人员可以在案件中留言。"
            step = _open_seen(self._house, tx, case_key, person(tx, by), Act.COMMENT, refusal=refusal)
            step.record("case:comment", {"text": text})
            step.save()

    @use_case
    def set_variables(self, case_key: int, variables: Mapping[str, Any], reason: str, *, by: str) -> None:
        """Correct root variables of a running case by hand, journalled with the reason. Administrators only."""
        reason = stated(reason, "请填写更正的原因。")
        refuse_reserved(variables)
        with self._house.database.begin() as tx:
            who = person(tx, by)
            refusal = "只有管理员可以更正案件数据。"
            step = _open_seen(self._house, tx, case_key, who, Act.CORRECT_CASE, refusal=refusal)
            step.record("case:variables", {"reason": reason, "variables": dict(variables)})
            step.run.set_variables(None, variables)
            step.save()


def begin_case(
    house: House,
    tx: Connection,
    process_id: str,
    variables: Mapping[str, Any],
    *,
    by: identity.Person,
    start_event: str | None,
    by_hand: bool = False,
    correlation_key: str | None = None,
    prepare: Callable[[int, Mapping[str, Any]], Mapping[str, Any]] = lambda key, variables: variables,
) -> Step:
    """Insert a case of the latest deployment and run it; the caller saves the step.

    `prepare` is given the new case's key and the variables, and returns those it begins with.
    """
    refuse_reserved(variables)
    definition = latest_definition(tx, process_id)
    if definition is None:
        raise UnknownProcess(process_id)
    bundle = house.deployments.bundle(tx, definition.deployment_key)
    starters = bundle.starters(process_id) if by_hand else ()
    if by_hand and not permissions.may(by, Act.START_CASE, *permissions.of_process(by, starters)):
        raise NotAllowed(f"您不能发起“{definition.name}”。")
    now = house.clock.now()
    row = {
        "process_id": process_id,
        "process_name": definition.name,
        "process_version": definition.version,
        "deployment_key": definition.deployment_key,
        "state": "ACTIVE",
        "started_by": by.username,
        "started_at": now,
        "changed_at": now,
        "start_correlation_key": correlation_key or None,
        "journal_seq": 0,
        "journal_hash": GENESIS,
        "number": numbering.allocate(
            tx, _number_pattern(bundle, process_id), org=house.org_code, at=now, case_key=None
        ),
    }
    inserted = tx.execute(insert(case).values(row).returning(*case.c)).one()
    variables = prepare(inserted.key, variables)
    own = {
        "key": str(inserted.key),
        "number": inserted.number,
        "started_at": now.isoformat(),
        "started_by": by.username,
    }
    run = house.runtime.start(bundle, process_id, {**variables, RESERVED: own}, now=now, start_event=start_event)
    step = Step(house, tx, inserted, bundle, run, by, now, {}, is_new=True)
    step.chain.append(
        "case:started",
        {
            "number": inserted.number,
            "process_id": process_id,
            "process_name": definition.name,
            "process_version": definition.version,
            "bundle": bundle.hash,
            "variables": dict(variables),
        },
    )
    return step


def refuse_reserved(variables: Mapping[str, Any]) -> None:
    for name in (RESERVED, USER):
        if name in variables:
            raise Invalid(f"变量名“{name}”由系统保留，请改用别的名称。")


def _number_pattern(bundle: Bundle, process_id: str) -> str:
    return bundle.diagrams[process_id].properties.get("case_number", "").strip() or numbering.DEFAULT_CASE_NUMBER


def _open_seen(house: House, tx: Connection, case_key: int, who: identity.Person, act: Act, *, refusal: str) -> Step:
    row = store.lock_case(tx, case_key)
    theirs = standings(tx, who, case_key)
    if row is None or not permissions.may(who, Act.SEE_CASE, *theirs):
        raise NotFound
    if not permissions.may(who, act, *theirs):
        raise NotAllowed(refusal)
    if row.state != "ACTIVE":
        raise CaseEnded(f"案件{row.number}已经结束，不能再变更。")
    return open_step(house, tx, row, who)


def stated(text: str, missing: str) -> str:
    """Return what somebody wrote, without outer blanks. Raise `Invalid` if it is nothing, or too much."""
    text = text.strip()
    if not text:
        raise Invalid(missing)
    if len(text) > 4000:
        raise Invalid("内容不能超过4000个字符。")
    return text
