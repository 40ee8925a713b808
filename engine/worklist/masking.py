"""The answers as whoever has no part in a case gets them: with personal numbers masked (see `engine.privacy`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.identity import mask_number
from engine.privacy import masked
from engine.worklist.views import CaseSummary, CaseView, IncidentView, SupplementView, TaskView, TimelineEntry


def case(view: CaseView) -> CaseView:
    return replace(
        view,
        case=summary(view.case),
        variables=masked(view.variables),
        timeline=entries(view.timeline),
        incidents=tuple(incident(one) for one in view.incidents),
        case_deadlines=tuple(
            replace(limit, pause_reason=masked(limit.pause_reason), history=entries(limit.history))
            for limit in view.case_deadlines
        ),
        links=tuple(replace(link, reason=masked(link.reason)) for link in view.links),
    )


def supplement(view: SupplementView) -> SupplementView:
    return replace(view, case=summary(view.case), variables=masked(view.variables))


def task(view: TaskView) -> TaskView:
    return replace(view, case=summary(view.case), variables=masked(view.variables), timeline=entries(view.timeline))


def summary(view: CaseSummary) -> CaseSummary:
    """Return it for a list, to whomever."""
    return replace(
        view,
        title=masked(view.title),
        complainant=masked(view.complainant),
        phone=mask_number(view.phone),
        product=masked(view.product),
        summary=masked(view.summary),
    )


def incident(view: IncidentView) -> IncidentView:
    return replace(view, case_title=masked(view.case_title), cause=masked(view.cause))


def entries(told: Sequence[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    return tuple(replace(entry, text=masked(entry.text), facts=masked(entry.facts)) for entry in told)
