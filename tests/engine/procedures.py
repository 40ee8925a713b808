"""Small procedures for the tests of use cases, as files."""

from __future__ import annotations

from tests.engine.drawing import (
    boundary,
    chain,
    diagram,
    el,
    end,
    event,
    flow,
    io,
    job,
    message,
    process,
    signal,
    start,
    timer,
    user,
    z,
)


def lanes(**members: str) -> str:
    """A lane set: lane name -> element ids separated by blanks."""
    drawn = "".join(
        f'<bpmn:lane id="lane{number}" name="{name}">'
        + "".join(f"<bpmn:flowNodeRef>{element}</bpmn:flowNodeRef>" for element in elements.split())
        + "</bpmn:lane>"
        for number, (name, elements) in enumerate(members.items())
    )
    return f'<bpmn:laneSet id="lanes">{drawn}</bpmn:laneSet>'


def properties(**values: str) -> str:
    return z("properties", *(z("property", name=name, value=value) for name, value in values.items()))


def headers(**values: str) -> str:
    return z("taskHeaders", *(z("header", key=key, value=value) for key, value in values.items()))


def file(*parts: str, name: str = "drawn") -> dict[str, bytes]:
    return {f"workflows/{name}.bpmn": diagram(*parts)}


COMPLAINT = file(
    process(
        "complaint",
        lanes(第一接待人="s register decide e", 客服部="approve"),
        start(),
        user("register", name="登记投诉"),
        user(
            "approve",
            name="审批方案",
            ext=z("taskSchedule", dueDate="=calendarDays(now(), 3)") + headers(not_completed_by="register"),
        ),
        end(),
        chain("s register approve e"),
        ext=properties(
            case_title='=if customer.name = null then null else customer.name + "投诉" + product',
            case_complainant="=customer.name",
            case_phone="=customer.phone",
            case_product="=product",
            case_number="{org}-TS-{yyyymm}-{seq:04}",
        ),
        name="投诉",
    ),
    name="complaint",
)
"""Reception registers, customer service approves within three days; the approver must be another person."""

PARALLEL = file(
    process(
        "parallel",
        start(),
        el("parallelGateway", "split"),
        user("left"),
        user("right"),
        el("parallelGateway", "join"),
        user("after"),
        end(),
        chain("s split left join after e"),
        chain("split right join"),
    )
)

REMINDED = file(
    process(
        "reminded",
        lanes(第一接待人="s work", 客服部="late"),
        start(),
        user("work", name="处理", ext=z("taskSchedule", dueDate='=now() + duration("PT4H")')),
        boundary("remind", "work", timer("R/PT1H", "timeCycle"), interrupting=False),
        boundary("escalate", "work", timer("PT4H")),
        user("late", name="催办"),
        end("e"),
        end("e2"),
        end("e3"),
        chain("s work e"),
        chain("remind e2"),
        chain("escalate late e3"),
    )
)
"""A task with a reminder every hour, taken away by an escalation after four."""

__all__ = [
    "COMPLAINT",
    "PARALLEL",
    "REMINDED",
    "boundary",
    "chain",
    "el",
    "end",
    "event",
    "file",
    "flow",
    "headers",
    "io",
    "job",
    "lanes",
    "message",
    "process",
    "properties",
    "signal",
    "start",
    "timer",
    "user",
    "z",
]
