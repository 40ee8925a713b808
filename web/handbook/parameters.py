"""Parameters: the rows of decision tables that collect `name` with `value`, or with `amount` and `unit`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import yaml

from engine.decisions import Decision, DecisionModel
from engine.deployments import Bundle
from engine.dialect import Process
from web.handbook.decisions import decision_table
from web.handbook.markdown import code, literal, table, unit

_INTRODUCTION = (
    "公司流程写了的数值和没有写的数值都在决策表里，改表即可，不必改程序：在 Camunda Modeler 里打开表，"
    "改“取值”（或“数值”）一格，`hejie check` 检查后用 `hejie deploy` 部署。办理中的案件不受影响，新案件按新值。"
    "要从某日起改，在“适用日期”一格写日期范围，另加一行写新值。",
    "状态的意思：“公司流程”“流程原文”是流程写明的；“公司流程未规定，默认值，可修改”“原文未规定，默认值，可修改”是流程没有写、"
    "由系统给的默认值，请单位确认；“法定”是法律写明的。",
)
_COLUMNS = ("label", "unit", "source", "status")


@dataclass(frozen=True)
class Parameter:
    """One row of a parameter table, in words. `when` is the test of the date it applies to, "" for always."""

    name: str
    value: str
    label: str
    unit: str
    source: str
    status: str
    when: str

    @property
    def in_words(self) -> str:
        value = f"{self.value} {self.unit}".strip() if len(self.unit) < 6 else f"{self.value}（{self.unit}）"
        return f"{self.label or self.name}：{value}"


def tables(model: DecisionModel) -> dict[str, tuple[Parameter, ...]]:
    """Return decision id -> its parameters, for the tables that are parameter tables."""
    return {decision.id: rows for decision in model.decisions.values() if (rows := tuple(_rows(decision)))}


def _rows(decision: Decision) -> Iterator[Parameter]:
    columns = [output.name for output in decision.outputs]
    value = next((name for name in ("value", "amount") if name in columns), None)
    if decision.hit_policy != "COLLECT" or value is None or "name" not in columns:
        return
    for rule in decision.rules:
        row = dict(zip(columns, rule.outputs, strict=True))
        words = {name: literal(row.get(name, "")) for name in _COLUMNS} | {"unit": unit(row.get("unit", ""))}
        when = "；".join(test for test in rule.tests if test not in ("", "-"))
        yield Parameter(name=literal(row["name"]), value=literal(row[value]), when=when, **words)


def variables(bundle: Bundle) -> dict[str, dict[str, Parameter]]:
    """Return variable -> name -> parameter: under which variables the diagrams read parameter tables."""
    known = tables(bundle.decisions)
    found: dict[str, dict[str, Parameter]] = {}
    for process in bundle.diagrams.values():
        for element in process.elements.values():
            if element.decision_id and element.result_variable:
                for decision_id in required(bundle.decisions, element.decision_id):
                    if decision_id in known:
                        rows = found.setdefault(element.result_variable, {})
                        rows.update({row.name: row for row in known[decision_id]})
    return found


def required(model: DecisionModel, decision_id: str) -> list[str]:
    """Return a decision and everything it requires, itself first."""
    found: list[str] = []
    todo = [decision_id]
    while todo:
        decision = model.decisions.get(todo.pop(0))
        if decision is not None and decision.id not in found:
            found.append(decision.id)
            todo.extend(decision.requires)
    return found


def read_by(text: str, known: Mapping[str, Mapping[str, Parameter]]) -> dict[str, Parameter]:
    """Return the parameters that an expression reads: `variable.name` -> parameter, in the order of the tables.

    One by one, or all rows of a table in turn (`for row in variable return …`).
    """
    found = {}
    for variable, rows in known.items():
        names = set(re.findall(rf"(?<![\w.]){re.escape(variable)}\.(\w+)", text))
        if re.search(rf"\bin {re.escape(variable)}\b(?!\.)", text):
            names = set(rows)
        found.update({f"{variable}.{name}": row for name, row in rows.items() if name in names})
    return found


def texts(bundle: Bundle, process: Process) -> Iterator[str]:
    """Yield every expression of a process: of its diagram, its forms and its decisions, and its texts with them."""
    for element in process.elements.values():
        yield from (expression.text for expression in element.expressions)
        if element.form_id and element.form_id in bundle.forms:
            yield bundle.files[bundle.forms[element.form_id]].decode("utf-8", "replace")
        if element.decision_id:
            for decision_id in required(bundle.decisions, element.decision_id):
                yield from _cells(bundle.decisions.decisions[decision_id])
    yield from process.properties.values()


def _cells(decision: Decision) -> Iterator[str]:
    yield decision.expression
    yield from (column.expression for column in decision.inputs)
    for rule in decision.rules:
        yield from (*rule.tests, *rule.outputs)


def parameter_page(bundle: Bundle) -> str:
    """Return the page that lists every parameter, grouped by table."""
    known = tables(bundle.decisions)
    parts = ["# 参数", *_INTRODUCTION]
    parts += [_section(bundle, bundle.decisions.decisions[decision_id], rows) for decision_id, rows in known.items()]
    parts += [_beside(bundle.decisions, known), _defaults()]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _section(bundle: Bundle, decision: Decision, rows: Sequence[Parameter]) -> str:
    readers = _readers(bundle, rows)
    dated = any(row.when for row in rows)
    head = ["参数", "含义", "数值", "单位", "出处", "状态", *(["适用"] if dated else [])]
    lines = [
        [
            code(row.name), row.label, row.value, row.unit, row.source, row.status,
            *([code(row.when) or "一直"] if dated else []),
        ]
        for row in rows
    ]  # fmt: skip
    said = f"表 `{decision.id}`，在 `{decision.file}`" + (f"；读它的流程：{readers}" if readers else "") + "。"
    return f"## {decision.name}\n\n{said}\n\n{table(head, lines)}"


def _readers(bundle: Bundle, rows: Sequence[Parameter]) -> str:
    """Return links to the processes that read any of `rows`, under whatever variable."""
    known = {
        variable: {name: row for name, row in parameters.items() if row in rows}
        for variable, parameters in variables(bundle).items()
    }
    readers = (
        process for process in bundle.diagrams.values() if any(read_by(text, known) for text in texts(bundle, process))
    )
    return "、".join(f"[{process.name or process.id}](procedures/{process.id}.md)" for process in readers)


def _beside(model: DecisionModel, known: Mapping[str, Sequence[Parameter]]) -> str:
    """Return the tables that are read together with parameters, but have columns of their own."""
    beside = {
        one
        for decision in model.decisions.values()
        if set(decision.requires) & set(known)
        for one in decision.requires
        if one in model.decisions and one not in known and model.decisions[one].kind == "table"
    }
    sections = [
        f"## {model.decisions[one].name}\n\n表 `{one}`，在 `{model.decisions[one].file}`。\n\n"
        + decision_table(model.decisions[one])
        for one in model.decisions
        if one in beside
    ]
    return "\n".join(sections)


def _defaults() -> str:
    """Return what the calculation of compensation takes where no parameter table says otherwise."""
    file = resources.files("engine.compensation") / "parameters.yaml"
    rows = [
        [code(key), one["name"], _value(one["value"]), one["unit"], one["source"], one["status"]]
        for key, one in yaml.safe_load(file.read_text(encoding="utf-8"))["parameters"].items()
    ]
    said = (
        "赔偿计算（`hejie compensation` 和流程里的“计算赔偿”）用的数值。流程的参数表里有同名参数的，以参数表为准；"
        "没有的，用下面的缺省值（`engine/compensation/parameters.yaml`）。"
    )
    head = ["参数", "含义", "数值", "单位", "出处", "状态"]
    return f"## 赔偿计算的缺省值\n\n{said}\n\n{table(head, rows)}"


def _value(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    return "；".join(
        f"{grade} 级 {'、'.join(map(str, row.values())) if isinstance(row, Mapping) else row}"
        for grade, row in value.items()
    )
