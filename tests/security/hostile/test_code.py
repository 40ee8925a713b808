"""Code in every place where a diagram, a table or a form takes an expression: nothing of it ever runs.

The files are deployed without being checked, which is more than an attacker can hope for, and played.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from html import escape
from typing import Any, TypeVar

import pytest

from engine.decisions import DecisionModel
from engine.errors import EngineError
from engine.feel import Feel
from forms import Form, FormInvalid, compile_form
from tests.engine import drawing as d
from tests.fakes import MONDAY
from tests.security.hostile.traps import Traps, set_traps
from tests.web.office import Office

PAYLOADS = (
    # Python
    "=__import__('os').system('touch «touch»')",
    '=__import__("os").popen("cat «file»").read()',
    '=open("«file»").read()',
    "=exec(\"open('«touch»', 'w')\")",
    "=eval('1+1')",
    "=().__class__.__bases__[0].__subclasses__()",
    "=case.__class__.__init__.__globals__",
    "=[c for c in ().__class__.__mro__]",
    "=lambda: 1",
    "__import__('os').system('touch «touch»')",
    "{0.__class__.__init__.__globals__}",
    "%(secret)s",
    "!!python/object/apply:os.system ['touch «touch»']",
    # JavaScript, which evaluates the expressions
    "=this.constructor.constructor('return globalThis')()",
    '=constructor.constructor("return process")()',
    '="".constructor.constructor("return globalThis")()',
    "=(function(){ return this })()",
    "=globalThis",
    "=require('fs').readFileSync('«file»')",
    "=fetch('«url»/fetch')",
    "=import('fs')",
    "={__proto__: {polluted: true}}.polluted",
    "=hejie",
    "=function(x) x",
    "=`${7*7}`",
    "=while(true);",
    "=1; globalThis.polluted = 1",
    '=[1,2,3][item.constructor.constructor("return 1")()]',
    # Jinja, JUEL, shell
    "{{ 7*7 }}{{ self.__init__.__globals__ }}",
    "=\"{{ cycler.__init__.__globals__.os.popen('cat «file»').read() }}\"",
    "${7*7}#{7*7}<%= 7*7 %>",
    "${T(java.lang.Runtime).getRuntime().exec('touch «touch»')}",
    "$(touch «touch»)`touch «touch»`",
    "file://«file»",
    "«url»/plain",
    '=get value(case, "__class__")',
    '=context put({}, "__proto__", {polluted: 1})',
)

Draw = Callable[[str, str], str]
"""Process id and payload to the parts of a process."""


def plain(inside: str, path: str = "s a e") -> str:
    return d.start() + inside + d.end() + d.chain(path)


PLACES: dict[str, Draw] = {
    "condition": lambda n, x: (
        d.start()
        + d.el("exclusiveGateway", "g", default="g__e")
        + d.user("a")
        + d.end()
        + d.chain("s g e")
        + d.flow("g", "a", x)
        + d.flow("a", "e")
    ),
    "script": lambda n, x: plain(d.script("a", x, "result")),
    "script result": lambda n, x: plain(d.script("a", "=1", x)),
    "input": lambda n, x: plain(d.user("a", ext=d.io({"v": x}))),
    "input target": lambda n, x: plain(d.user("a", ext=d.io({x: "=1"}))),
    "output": lambda n, x: plain(d.user("a", ext=d.io({}, {"v": x}))),
    "header": lambda n, x: plain(d.user("a", ext=d.z("taskHeaders", d.z("header", key="not_completed_by", value=x)))),
    "verb's header": lambda n, x: plain(
        d.job("a", kind="render_document", ext=d.z("taskHeaders", d.z("header", key="template", value=x)))
    ),
    "verb's input": lambda n, x: plain(d.job("a", kind="notify", ext=d.io({"to": x, "subject": x, "body": x}))),
    "verb": lambda n, x: plain(d.job("a", kind=x)),
    "assignee": lambda n, x: plain(d.user("a", ext=d.z("assignmentDefinition", assignee=x))),
    "groups": lambda n, x: plain(d.user("a", ext=d.z("assignmentDefinition", candidateGroups=x))),
    "users": lambda n, x: plain(d.user("a", ext=d.z("assignmentDefinition", candidateUsers=x))),
    "dates": lambda n, x: plain(d.user("a", ext=d.z("taskSchedule", dueDate=x, followUpDate=x))),
    "priority": lambda n, x: plain(d.user("a", ext=d.z("priorityDefinition", priority=x))),
    "form": lambda n, x: plain(d.user("a", ext=d.z("formDefinition", formId=x))),
    "called process": lambda n, x: plain(d.el("callActivity", "a", ext=d.z("calledElement", processId=x))),
    "decision": lambda n, x: plain(
        d.el("businessRuleTask", "a", ext=d.z("calledDecision", decisionId=x, resultVariable="v"))
    ),
    "duration": lambda n, x: plain(d.el("intermediateCatchEvent", "a", d.timer(x))),
    "date": lambda n, x: plain(d.el("intermediateCatchEvent", "a", d.timer(x, "timeDate"))),
    "cycle": lambda n, x: (
        plain(d.user("a"))
        + d.boundary("b", "a", d.timer(x, "timeCycle"), interrupting=False)
        + d.end("f")
        + d.flow("b", "f")
    ),
    "collection": lambda n, x: plain(d.user("a", d.multi(x, "one"))),
    "collected": lambda n, x: plain(d.user("a", d.multi("=[1,2]", "one", outputCollection="all", outputElement=x))),
    "completion": lambda n, x: plain(d.user("a", d.multi("=[1,2]", "one", d.until(x)))),
    "name": lambda n, x: plain(d.user("a", name=x)),
    "documentation": lambda n, x: plain(d.user("a", f"<bpmn:documentation>{escape(x)}</bpmn:documentation>")),
}

PROPERTIES = (
    *("case_title", "case_number", "case_complainant", "case_phone", "case_product", "case_summary"),
    "case_starters",
)


@pytest.fixture
def traps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traps]:
    with set_traps(tmp_path_factory.mktemp("traps")) as traps:
        yield traps


def play(office: Office, traps: Traps, files: list[str], *, refused: bool = False) -> None:
    """Deploy the processes p0, p1 … of these files, start each and carry it as far as it goes.

    `refused`: not one of them is to start.
    """
    latest = office.house.deployments.latest()
    assert latest is not None
    old = [path for path in latest.files if path.startswith("workflows/hostile")]
    named = {f"workflows/hostile{number}.bpmn": d.diagram(file) for number, file in enumerate(files)}
    office.house.casework.deploy(
        named, by="system", check=lambda _: [], remove=[path for path in old if path not in named]
    )
    seen: list[object] = []
    started = 0
    for number in range(len(files)):
        process = f"p{number}"
        case = said(partial(office.house.casework.start_case, process, {"list": [1]}, by="system"))
        if case is None:
            continue
        started += 1
        office.work()
        for item in office.house.worklist.case(case.key, auditor(office)).items:
            if item.kind == "user_task" and item.state == "CREATED":
                said(partial(office.house.casework.complete_task, item.key, {"answer": 1}, by="system"))
        view = office.house.worklist.case(case.key, auditor(office))
        assert all(incident.cause for incident in view.incidents)
        # The incidents quote what was written; what was computed is what counts.
        seen += [view.case, view.variables, [item.name for item in view.items]]
        if view.case.state == "ACTIVE":
            office.house.casework.cancel_case(case.key, "试验结束", by="system")
    office.clock.advance(timedelta(days=1))
    office.work()
    assert bool(started) != refused
    assert traps.sprung(seen) == []


T = TypeVar("T")


def said(call: Callable[[], T]) -> T | None:
    """Return what the call gives; None if it is refused, which must be with a sentence."""
    try:
        return call()
    except EngineError as error:
        if re.search(r"[\u4e00-\u9fff]", error.message) is None:
            raise
        return None


def auditor(office: Office) -> Any:
    return office.house.identity.find("audra")


@pytest.mark.parametrize("place", PLACES)
def test_diagrams(shared_office: Office, traps: Traps, place: str) -> None:
    files = [d.process(f"p{n}", PLACES[place](f"p{n}", traps.fill(x))) for n, x in enumerate(PAYLOADS)]
    play(shared_office, traps, files)


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_of_a_process(shared_office: Office, traps: Traps, name: str) -> None:
    files = [
        d.process(f"p{n}", plain(d.user("a")), ext=d.z("properties", d.z("property", name=name, value=traps.fill(x))))
        for n, x in enumerate(PAYLOADS)
    ]
    play(shared_office, traps, files, refused=name == "case_number")


@pytest.mark.parametrize("kind", ["message", "signal"])
def test_names_and_keys_of_messages(shared_office: Office, traps: Traps, kind: str) -> None:
    files = []
    for n, x in enumerate(map(traps.fill, PAYLOADS)):
        caught = d.el("intermediateCatchEvent", "a", d.event(kind, f"m{n}"))
        root = d.message(f"m{n}", x.lstrip("=") or "m", x) if kind == "message" else d.signal(f"m{n}", x)
        files.append(root + d.process(f"p{n}", plain(caught)))
    play(shared_office, traps, files)


DMN = '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">{}</definitions>'
TABLE = (
    '<decision id="{id}" name="n"><decisionTable id="t" hitPolicy="FIRST">'
    '<input id="i"><inputExpression id="e"><text>{input}</text></inputExpression></input><output id="o" name="v"/>'
    '<rule id="r"><inputEntry id="a"><text>{cell}</text></inputEntry>'
    '<outputEntry id="b"><text>{out}</text></outputEntry></rule></decisionTable></decision>'
)
LITERAL = (
    '<decision id="{id}" name="n"><variable id="w" name="v"/>'
    '<literalExpression id="l"><text>{}</text></literalExpression></decision>'
)


@pytest.mark.parametrize("place", ["input", "cell", "out", "literal"])
def test_tables(shared_office: Office, traps: Traps, place: str) -> None:
    feel = shared_office.house.feel
    for n, payload in enumerate(PAYLOADS):
        text = escape(traps.fill(payload).removeprefix("="))
        cells = {"input": "list", "cell": "-", "out": "1"} | {place: text}
        drawn = LITERAL.format(text, id=f"d{n}") if place == "literal" else TABLE.format(id=f"d{n}", **cells)
        model = DecisionModel.parse({"workflows/x.dmn": DMN.format(drawn).encode()})
        for identity in model.decisions:
            found = said(partial(model.evaluate, identity, {"list": [1]}, feel=feel, now=MONDAY))
            value = found and found.value
            assert traps.sprung(value) == []
            assert "polluted" not in str(value)


FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "label": lambda x: {"type": "textfield", "key": "k", "label": x},
    "description": lambda x: {"type": "textfield", "key": "k", "label": "l", "description": x},
    "default": lambda x: {"type": "textfield", "key": "k", "label": "l", "defaultValue": x},
    "key": lambda x: {"type": "textfield", "key": x, "label": "l"},
    "id": lambda x: {"type": "textfield", "key": "k", "label": "l", "id": x},
    "hide": lambda x: {"type": "textfield", "key": "k", "label": "l", "conditional": {"hide": x}},
    "readonly": lambda x: {"type": "textfield", "key": "k", "label": "l", "readonly": x},
    "pattern": lambda x: {"type": "textfield", "key": "k", "label": "l", "validate": {"pattern": x}},
    "least": lambda x: {"type": "number", "key": "k", "label": "l", "validate": {"min": x}},
    "longest": lambda x: {"type": "textfield", "key": "k", "label": "l", "validate": {"maxLength": x}},
    "format": lambda x: {"type": "textfield", "key": "k", "label": "l", "properties": {"format": x}},
    "options": lambda x: {"type": "select", "key": "k", "label": "l", "valuesExpression": x},
    "options' name": lambda x: {"type": "select", "key": "k", "label": "l", "valuesKey": x},
    "computed": lambda x: {"type": "expression", "key": "k", "expression": x},
    "text": lambda x: {"type": "text", "text": x},
    "html": lambda x: {"type": "html", "content": x},
    "picture": lambda x: {"type": "image", "source": x, "alt": x},
    "frame": lambda x: {"type": "iframe", "url": x, "label": x},
    "table": lambda x: {"type": "table", "id": "t", "label": "l", "dataSource": x, "columnsExpression": x},
    "accept": lambda x: {"type": "filepicker", "key": "k", "label": "l", "accept": x},
    "multiple": lambda x: {"type": "filepicker", "key": "k", "label": "l", "multiple": x},
    "kind": lambda x: {"type": x, "key": "k", "label": "l"},
}


@pytest.mark.parametrize("place", FIELDS)
def test_forms(shared_office: Office, traps: Traps, place: str) -> None:
    for payload in PAYLOADS:
        component = {"id": "f", **FIELDS[place](traps.fill(payload))}
        content = json.dumps({"type": "default", "id": "a.b", "schemaVersion": 19, "components": [component]})
        form = compiled(content.encode(), shared_office.house.feel)
        if form is None:
            continue
        reading = said(partial(form.read, {"k": "typed"}, {"list": [1]}, now=MONDAY))
        seen = [reading and reading.answers, reading and reading.errors, dict(form.initial({}))]
        assert traps.sprung(seen) == []
        assert "polluted" not in str(seen) or "polluted" in payload


def compiled(content: bytes, feel: Feel) -> Form | None:
    """Return the form; None if it is refused, which must be with a sentence for each fault."""
    try:
        return compile_form("forms/a/b.form", content, feel)
    except FormInvalid as invalid:
        if not all(problem.message for problem in invalid.problems):
            raise
        return None


def test_the_interpreter_is_as_before(shared_office: Office) -> None:
    """Whatever the payloads tried, later expressions see nothing of it."""
    feel = shared_office.house.feel
    for text in ("polluted", "{}.polluted", "[].polluted", "case.polluted", '"".polluted'):
        assert not feel.evaluate(text, {"case": {}}, now=MONDAY)
    assert feel.evaluate("1 + 1", {}, now=MONDAY) == 2
