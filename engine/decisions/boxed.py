"""Boxed expressions of DMN (contexts, lists, invocations, conditionals, loops) as the FEEL text they stand
for.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from lxml import etree

Node = etree._Element


class Unsupported(Exception):
    """The element has no FEEL text. `element` is the node, `what` a Chinese clause."""

    def __init__(self, element: Node, what: str) -> None:
        super().__init__(what)
        self.element = element
        self.what = what


def local_name(node: Node) -> str:
    """Return the tag without its namespace."""
    return etree.QName(node).localname


def children(node: Node, name: str = "") -> list[Node]:
    """Return the child elements (of this name) in the node's own namespace."""
    space = etree.QName(node).namespace
    return [
        child
        for child in node
        if isinstance(child.tag, str)
        and etree.QName(child).namespace == space
        and (not name or local_name(child) == name)
    ]


def child(node: Node, name: str) -> Node | None:
    """Return the first child element of this name."""
    return next(iter(children(node, name)), None)


def text_of(node: Node | None) -> str:
    """Return the content of the node's `text` element, stripped; "" without one."""
    found = child(node, "text") if node is not None else None
    return all_text(found) if found is not None else ""


def all_text(node: Node) -> str:
    """Return all text below `node`, stripped."""
    return "".join(str(part) for part in node.itertext()).strip()


def expression_in(node: Node) -> Node | None:
    """Return the one child of `node` that is an expression, supported or not; a table is one too."""
    return next(iter(expressions_in(node)), None)


def expressions_in(node: Node) -> list[Node]:
    """Return the children of `node` that are expressions, supported or not."""
    return [item for item in children(node) if local_name(item) in _WRITERS or local_name(item) in _TABLES]


def feel(node: Node) -> str:
    """Return the FEEL text of an expression element. Raise `Unsupported`."""
    writer = _WRITERS.get(local_name(node))
    if writer is None:
        raise Unsupported(node, f"“{local_name(node)}”不能写在别的表达式里，请画成单独的决策")
    return writer(node)


def check_language(node: Node) -> None:
    """Raise `Unsupported` for an expression in another language than FEEL."""
    language = node.get("expressionLanguage", "").strip()
    if language and "feel" not in language.lower():
        raise Unsupported(node, f"表达式语言“{language}”不受支持，请改用FEEL")


def _literal(node: Node) -> str:
    check_language(node)
    text = text_of(node)
    return f"{text}\n" if "//" in text else text  # a comment must not swallow what is written behind it


def _inner(node: Node, name: str) -> str:
    """Return the content of the child `name`, bare: in parentheses `1..3` is a range without its ends."""
    holder = child(node, name)
    inner = expression_in(holder) if holder is not None else None
    if inner is None:
        raise Unsupported(node, f"“{local_name(node)}”缺少“{name}”的内容")
    return feel(inner)


def _entry(node: Node) -> tuple[str, str]:
    """Return the name ("" for the final result) and the FEEL text of a context entry."""
    inner = expression_in(node)
    if inner is None:
        raise Unsupported(node, "上下文里有一项没有内容")
    variable = child(node, "variable")
    return (variable.get("name", "") if variable is not None else ""), feel(inner)


def _context(node: Node) -> str:
    entries = [_entry(item) for item in children(node, "contextEntry")]
    result = next((text for name, text in entries if not name), None)
    named = [f"{json.dumps(name, ensure_ascii=False)}: ({text})" for name, text in entries if name]
    if result is None:
        return "{" + ", ".join(named) + "}"
    entries_text = ", ".join([*named, f'"= result": ({result})'])
    return f'get value({{{entries_text}}}, "= result")'


def _list(node: Node) -> str:
    return "[" + ", ".join(f"({feel(item)})" for item in expressions_in(node)) + "]"


def _relation(node: Node) -> str:
    columns = [column.get("name", "") for column in children(node, "column")]
    rows = []
    for row in children(node, "row"):
        cells = [feel(item) for item in expressions_in(row)]
        pairs = zip(columns, cells, strict=False)
        entries = (f"{json.dumps(name, ensure_ascii=False)}: ({text})" for name, text in pairs)
        rows.append("{" + ", ".join(entries) + "}")
    return "[" + ", ".join(rows) + "]"


def _invocation(node: Node) -> str:
    function = expression_in(node)
    if function is None:
        raise Unsupported(node, "调用没有写明函数")
    arguments = []
    for binding in children(node, "binding"):
        parameter, inner = child(binding, "parameter"), expression_in(binding)
        if parameter is None or inner is None:
            raise Unsupported(binding, "调用的参数没有名称或内容")
        arguments.append(f"{parameter.get('name', '')}: ({feel(inner)})")
    return f"{feel(function)}({', '.join(arguments)})"


def _function(node: Node) -> str:
    kind = node.get("kind", "FEEL")
    if kind not in {"FEEL", "F"}:
        raise Unsupported(node, f"“{kind}”类型的函数不受支持，请用FEEL写")
    inner = expression_in(node)
    if inner is None:
        raise Unsupported(node, "函数没有内容")
    return f"function({', '.join(parameters_of(node))}) ({feel(inner)})"


def parameters_of(node: Node) -> tuple[str, ...]:
    """Return the names of a function definition's parameters."""
    return tuple(parameter.get("name", "") for parameter in children(node, "formalParameter"))


def _conditional(node: Node) -> str:
    return f"if ({_inner(node, 'if')}) then ({_inner(node, 'then')}) else ({_inner(node, 'else')})"


def _loop(node: Node) -> str:
    word = "return" if local_name(node) == "for" else "satisfies"
    variable = node.get("iteratorVariable", "item")
    return f"{local_name(node)} {variable} in {_inner(node, 'in')} {word} ({_inner(node, word)})"


def _filter(node: Node) -> str:
    return f"({_inner(node, 'in')})[{_inner(node, 'match')}]"


_TABLES = {"decisionTable"}

_WRITERS: dict[str, Callable[[Node], str]] = {
    "literalExpression": _literal,
    "context": _context,
    "list": _list,
    "relation": _relation,
    "invocation": _invocation,
    "functionDefinition": _function,
    "conditional": _conditional,
    "for": _loop,
    "every": _loop,
    "some": _loop,
    "filter": _filter,
}
