"""Telling a running case by hand what its diagram waits to hear: the message of an event that has a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine import permissions, store
from engine.casework.errors import Conflict, Invalid, NotAllowed, NotFound
from engine.casework.house import UseCases, person, use_case
from engine.casework.items import where_row
from engine.casework.starting import refuse_reserved
from engine.casework.step import open_step
from engine.casework.tasks import check_size, with_attachments
from engine.casework.visibility import standings
from engine.deployments import Bundle
from engine.permissions import Act


class Supplements(UseCases):
    @use_case
    def supplement(self, item_key: int, answers: Mapping[str, Any], *, by: str) -> int:
        """Deliver a message to the event that waits for it, with answers that its form has read; return the case's key.

        Raise `NotFound`, `NotAllowed`, `Conflict` (it does not wait any more) or `Invalid` as completing a task does.
        """
        check_size(answers)
        refuse_reserved(answers)
        with self._house.database.begin() as tx:
            who = person(tx, by)
            row = store.lock_case_of(tx, item_key)
            theirs = standings(tx, who, row.key) if row is not None else frozenset()
            if row is None or not permissions.may(who, Act.SEE_CASE, *theirs):
                raise NotFound
            if not permissions.may(who, Act.SUPPLEMENT, *theirs):
                raise NotAllowed("只有经办人员可以补充情况。")
            rows = store.open_items(tx, row.key)
            item = next((each for each in rows if each.key == item_key), None)
            if item is None:
                raise Conflict("案件已经不等这项情况了，请回到案件页面查看。")
            bundle = self._house.deployments.bundle(tx, row.deployment_key)
            if item.kind != "message" or asked_form(bundle, item.process_id, item.element_id) is None:
                raise Invalid("这里不能补充情况。")
            answers = with_attachments(tx, row.key, None, answers, who)
            step = open_step(self._house, tx, row, who, rows=rows)
            facts = {"name": item.message_name, "answers": answers}
            step.record("message:told", facts, where_row(item))
            step.close(item)
            step.run.deliver(item.item_id, answers)
            step.save()
            return int(row.key)


def asked_form(bundle: Bundle, process_id: str, element_id: str) -> str | None:
    """Return the path of the form of an event that waits, or of the start event of an event sub-process."""
    process = bundle.diagrams.get(process_id)
    element = process.elements.get(element_id) if process is not None else None
    if process is None or element is None:
        return None
    if element.type == "subProcess":
        element = next((child for child in process.children(element_id) if child.type == "startEvent"), element)
    return bundle.forms.get(element.form_id) if element.form_id and element.type.endswith("Event") else None
