"""DMN 1.1 to 1.5 files as decisions; everything wrong with one becomes a named problem.

The versions differ by namespace only in what is read here. Hostile XML (document types, entities, depth,
size) is refused before anything is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from lxml import etree

from engine.decisions import boxed
from engine.decisions.boxed import Node, Unsupported, child, children, local_name, text_of
from engine.decisions.model import Decision, HitPolicy, Input, Knowledge, Output, Rule
from engine.problems import Problem, Severity

LARGEST = 4 * 1024 * 1024
"""Bytes of a DMN file."""

SPACES = (
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd",  # 1.1
    "http://www.omg.org/spec/DMN/20180521/MODEL/",  # 1.2
    "https://www.omg.org/spec/DMN/20191111/MODEL/",  # 1.3
    "https://www.omg.org/spec/DMN/20211108/MODEL/",  # 1.4
    "https://www.omg.org/spec/DMN/20230324/MODEL/",  # 1.5
)

HIT_POLICIES = {"UNIQUE", "ANY", "PRIORITY", "FIRST", "RULE ORDER", "OUTPUT ORDER", "COLLECT"}
AGGREGATIONS = {"SUM", "MIN", "MAX", "COUNT"}
ORDERED = {"PRIORITY", "OUTPUT ORDER"}


@dataclass
class Reading:
    """What a file holds. `broken` are the ids of what stands in it but cannot be used."""

    file: str
    decisions: list[Decision] = field(default_factory=list)
    knowledge: list[Knowledge] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def add(self, element_id: str, code: str, message: str, severity: Severity = "error") -> None:
        self.problems.append(Problem(self.file, element_id, code, message, severity))


def read(file: str, content: bytes) -> Reading:
    """Return the decisions, the business knowledge models and the problems of a DMN file.

    Never raises for content.
    """
    reading = Reading(file)
    root = _root(content, reading)
    if root is None:
        return reading
    for node in children(root):
        match local_name(node):
            case "decision":
                _read_one(node, reading, _decision, reading.decisions)
            case "businessKnowledgeModel":
                _read_one(node, reading, _knowledge, reading.knowledge)
            case _:
                pass  # input data, sources, texts and diagrams say nothing about the result
    if not reading.decisions and not reading.problems:
        reading.add("", "no-decision", "文件里没有任何决策，请至少画一个决策或删除这个文件。", "warning")
    return reading


def _root(content: bytes, reading: Reading) -> Node | None:
    if len(content) > LARGEST:
        reading.add("", "file-too-large", f"文件超过{LARGEST // 1024 // 1024}MB，不予读取。")
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        reading.add("", "not-xml", f"文件不是完好的 XML，无法读取：{error}。")
        return None
    if root.getroottree().docinfo.internalDTD is not None:
        reading.add("", "doctype", "文件含有 DOCTYPE 声明，为安全起见不予接受，请删除该声明。")
        return None
    name = etree.QName(root)
    if name.localname != "definitions" or name.namespace not in SPACES:
        reading.add("", "not-dmn", f"文件的根元素是“{root.tag}”，不是 DMN 1.1 至 1.5 的 definitions。")
        return None
    return root


def _read_one(node: Node, reading: Reading, read: Any, found: list[Any]) -> None:
    identity = node.get("id", "")
    if not identity:
        reading.add("", "id-missing", f"{local_name(node)}“{node.get('name', '')}”没有 id，无法引用。")
        return
    try:
        item = read(node, reading)
    except Unsupported as refusal:
        element_id = refusal.element.get("id", "") or identity
        code = "expression-language" if refusal.element.get("expressionLanguage") else "dmn-unsupported"
        reading.add(element_id, code, f"{refusal.what}。")
        item = None
    if item is None:
        reading.broken.add(identity)
    else:
        found.append(item)


def _required(node: Node, requirement: str, reference: str) -> tuple[str, ...]:
    """Return the ids that `node` requires; `file.dmn#id` means the id, which is unique in a bundle."""
    references = [
        link.get("href", "").rpartition("#")[2]
        for holder in children(node, requirement)
        for link in children(holder, reference)
    ]
    return tuple(dict.fromkeys(reference for reference in references if reference))


def _decision(node: Node, reading: Reading) -> Decision | None:
    identity, variable = node.get("id", ""), child(node, "variable")
    common: dict[str, Any] = {
        "id": identity,
        "name": node.get("name") or identity,
        "file": reading.file,
        "requires": _required(node, "informationRequirement", "requiredDecision"),
        "knowledge": _required(node, "knowledgeRequirement", "requiredKnowledge"),
        "variable": variable.get("name", "") if variable is not None else "",
    }
    table = child(node, "decisionTable")
    if table is not None:
        content = _table(table, identity, reading)
        return Decision(**common, kind="table", **content) if content else None
    logic = boxed.expression_in(node)
    if logic is None:
        reading.add(identity, "decision-empty", "决策没有内容，请画出决策表或写出表达式。")
        return None
    text = boxed.feel(logic)
    if not text:
        reading.add(identity, "decision-empty", "决策的表达式是空的，请写出表达式。")
        return None
    return Decision(**common, kind="expression", expression=text)


def _knowledge(node: Node, reading: Reading) -> Knowledge | None:
    identity = node.get("id", "")
    logic = child(node, "encapsulatedLogic")
    body = boxed.expression_in(logic) if logic is not None else None
    if logic is None or body is None:
        reading.add(identity, "knowledge-unsupported", "业务知识模型须用FEEL表达式写成，这里没有这样的内容。")
        return None
    variable = child(node, "variable")
    return Knowledge(
        id=identity,
        name=(variable.get("name") if variable is not None else "") or node.get("name") or identity,
        file=reading.file,
        parameters=boxed.parameters_of(logic),
        body=f"({boxed.feel(body)})",
        requires=_required(node, "knowledgeRequirement", "requiredKnowledge"),
    )


def _table(table: Node, identity: str, reading: Reading) -> dict[str, Any] | None:
    before = len(reading.problems)
    inputs = tuple(_input(node, reading, identity) for node in children(table, "input"))
    outputs = tuple(_output(node) for node in children(table, "output"))
    policy = _hit_policy(table, identity, reading)
    _check_outputs(outputs, policy, identity, reading)
    rules = tuple(_rule(node, len(inputs), len(outputs), reading, identity) for node in children(table, "rule"))
    _check_inputs(inputs, rules, identity, reading)
    if not rules:
        reading.add(identity, "table-without-rules", "决策表一条规则也没有，永远不会有结果。", "warning")
    if any(problem.severity == "error" for problem in reading.problems[before:]):
        return None
    return {"hit_policy": policy, "inputs": inputs, "outputs": outputs, "rules": rules}


def _hit_policy(table: Node, identity: str, reading: Reading) -> HitPolicy:
    policy, aggregation = table.get("hitPolicy", "UNIQUE"), table.get("aggregation", "")
    if policy not in HIT_POLICIES:
        known = "、".join(sorted(HIT_POLICIES))
        reading.add(identity, "unknown-hit-policy", f"不认识命中策略“{policy}”；可用的有：{known}。")
    elif aggregation and aggregation not in AGGREGATIONS:
        known = "、".join(sorted(AGGREGATIONS))
        reading.add(identity, "unknown-aggregation", f"不认识汇总方式“{aggregation}”；可用的有：{known}。")
    elif aggregation and policy == "COLLECT":
        return cast(HitPolicy, f"COLLECT {aggregation}")
    return cast(HitPolicy, policy)


def _input(node: Node, reading: Reading, identity: str) -> Input:
    expression = child(node, "inputExpression")
    if expression is not None:
        boxed.check_language(expression)
    values = child(node, "inputValues")
    kind = expression.get("typeRef", "") if expression is not None else ""
    text = text_of(expression)
    return Input(
        id=node.get("id") or identity,
        label=node.get("label") or text,
        expression=text,
        values=text_of(values),
        type=kind.rpartition(":")[2],
    )


def _output(node: Node) -> Output:
    default = child(node, "defaultOutputEntry")
    if default is not None:
        boxed.check_language(default)
    return Output(
        id=node.get("id", ""),
        name=node.get("name", ""),
        label=node.get("label", "") or node.get("name", ""),
        values=text_of(child(node, "outputValues")),
        default=text_of(default),
    )


def _rule(node: Node, inputs: int, outputs: int, reading: Reading, identity: str) -> Rule:
    tests, results = children(node, "inputEntry"), children(node, "outputEntry")
    rule_id = node.get("id") or identity
    for entry in (*tests, *results):
        boxed.check_language(entry)
    if (len(tests), len(results)) != (inputs, outputs):
        reading.add(
            rule_id,
            "rule-cells",
            f"规则有{len(tests)}个条件格和{len(results)}个结果格，而决策表有{inputs}个条件列和{outputs}个结果列。",
        )
    notes = [text_of(entry) for entry in children(node, "annotationEntry")]
    description = child(node, "description")
    if description is not None:
        notes.insert(0, boxed.all_text(description))
    return Rule(
        id=rule_id,
        tests=tuple(text_of(entry) or "-" for entry in tests),
        outputs=tuple(text_of(entry) for entry in results),
        annotations=tuple(dict.fromkeys(note for note in notes if note)),
    )


def _check_outputs(outputs: tuple[Output, ...], policy: HitPolicy, identity: str, reading: Reading) -> None:
    names = [output.name for output in outputs]
    if not outputs:
        reading.add(identity, "table-without-output", "决策表没有结果列，请至少加一列。")
    if len(outputs) > 1:
        for output in outputs:
            if not output.name:
                message = "决策表有几个结果列，每一列都要有名称，否则结果会互相覆盖。"
                reading.add(output.id or identity, "output-without-name", message)
            elif names.count(output.name) > 1:
                message = f"两个结果列都叫“{output.name}”，请改成不同的名称。"
                reading.add(output.id or identity, "output-name-duplicate", message)
        if policy.startswith("COLLECT "):
            reading.add(identity, "aggregation-many-outputs", f"{policy} 只能有一个结果列，请拆成几张表。")
    if policy in ORDERED and not any(output.values for output in outputs):
        message = f"{policy} 按结果的优先次序取舍，请在结果列写明可取的值（从高到低）。"
        reading.add(identity, "output-values-missing", message)


def _check_inputs(inputs: tuple[Input, ...], rules: tuple[Rule, ...], identity: str, reading: Reading) -> None:
    for index, item in enumerate(inputs):
        used = any(index < len(rule.tests) and rule.tests[index] != "-" for rule in rules)
        if not item.expression and used:
            message = f"第{index + 1}个条件列没有写明表达式，它的条件无从比较。"
            reading.add(item.id, "input-expression-missing", message)
