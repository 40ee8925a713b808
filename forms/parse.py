"""From a form-js file's JSON to components, with a sentence for everything that would go wrong later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from forms.components import CONTAINERS, KEYED, KNOWN, Component, is_expression
from forms.errors import FormProblem

LARGEST_FILE = 1_000_000
DEEPEST = 12
MOST_COMPONENTS = 500
STEP = re.compile(r"[^\W\d][\w\- ]*")
FORBIDDEN_STEPS = frozenset({"__proto__", "constructor", "prototype"})
RESERVED_ROOTS = frozenset({"case", "user"})


class Parser:
    """Reads one file; `problems` gathers what is wrong, in the order of the file."""

    def __init__(self) -> None:
        self.problems: list[FormProblem] = []
        self._ids: set[str] = set()
        self._claims: dict[tuple[str, ...], str] = {}
        self._count = 0

    def problem(self, element_id: str, code: str, message: str) -> None:
        """Note a finding."""
        self.problems.append(FormProblem(element_id, code, message))

    def document(self, content: bytes) -> Mapping[str, Any]:
        """Return the file's JSON object, empty (with a finding) when it is not one."""
        if len(content) > LARGEST_FILE:
            self.problem("", "form-too-large", f"表单文件超过 {LARGEST_FILE // 1000} KB，请拆成几个表单。")
            return {}
        try:
            document = json.loads(content.decode("utf-8"))
        except (UnicodeDecodeError, ValueError, RecursionError) as error:
            self.problem("", "not-json", f"不是有效的 JSON 文件（{error}），请用建模工具重新保存。")
            return {}
        if not isinstance(document, Mapping) or document.get("type") != "default":
            self.problem("", "not-a-form", '不是 form-js 表单（缺少 "type": "default"），请用建模工具重新保存。')
            return {}
        return document

    def form_id(self, document: Mapping[str, Any]) -> str:
        """Return the form's id."""
        form_id = document.get("id")
        if isinstance(form_id, str) and form_id.strip():
            return form_id
        self.problem("", "form-id-missing", "表单没有 id，请写成“流程.任务”，例如 refund.decide。")
        return ""

    def components(self, raw: Any, parent: tuple[str, ...] = (), depth: int = 0) -> tuple[Component, ...]:
        """Return the components of a form or a container whose value lies at `parent`."""
        if not isinstance(raw, list):
            self.problem("", "components-missing", "components 应当是列表，请用建模工具重新保存。")
            return ()
        if depth > DEEPEST:
            self.problem("", "form-too-deep", f"分组嵌套超过 {DEEPEST} 层，请减少嵌套。")
            return ()
        found = (self._component(one, parent, depth) for one in raw)
        return tuple(component for component in found if component is not None)

    def _component(self, raw: Any, parent: tuple[str, ...], depth: int) -> Component | None:
        self._count += 1
        if self._count == MOST_COMPONENTS + 1:
            self.problem("", "form-too-large", f"表单超过 {MOST_COMPONENTS} 个组件，请拆成几个表单。")
        if not isinstance(raw, Mapping) or self._count > MOST_COMPONENTS:
            if not isinstance(raw, Mapping):
                self.problem("", "component-not-an-object", "有一个组件不是 JSON 对象，请用建模工具重新保存。")
            return None
        element_id, kind = self._element_id(raw), raw.get("type")
        if kind == "iframe":
            self.problem(element_id, "iframe-refused", "不允许嵌入外部网页（iframe），请改用文字和链接。")
            return None
        if kind not in KNOWN:
            self.problem(element_id, "unknown-component", f"不认识组件类型“{kind}”，请换成 form-js 的组件。")
            return None
        steps = self._steps(element_id, kind, raw)
        path = (*parent, *steps)
        below = (*path, "*") if kind == "dynamiclist" else path
        children = self.components(raw.get("components", []), below, depth + 1) if kind in CONTAINERS else ()
        component = Component(
            id=element_id,
            type=str(kind),
            label=_label(raw),
            steps=steps,
            path=path,
            hide=self._hide(element_id, raw),
            readonly=self._readonly(element_id, raw),
            disabled=self._disabled(element_id, raw),
            attributes=raw,
            children=children,
        )
        self._claim(component)
        return component

    def _element_id(self, raw: Mapping[str, Any]) -> str:
        element_id = raw.get("id")
        if not isinstance(element_id, str) or not element_id:
            named = raw.get("key") or raw.get("path") or raw.get("type")
            self.problem("", "component-id-missing", f"组件“{named}”没有 id，请用建模工具重新保存。")
            return f"#{self._count}"
        if element_id in self._ids:
            self.problem(element_id, "duplicate-id", "有两个组件用了同一个 id，请改掉其中一个。")
        self._ids.add(element_id)
        return element_id

    def _steps(self, element_id: str, kind: str, raw: Mapping[str, Any]) -> tuple[str, ...]:
        named = "key" if kind in KEYED else "path" if kind in CONTAINERS else ""
        text = raw.get(named) if named else ""
        if not text and kind in ("group", *(KNOWN - KEYED - CONTAINERS)):
            return ()
        if not isinstance(text, str) or not text:
            self.problem(element_id, f"{named}-missing", f"没有填写 {named}，答案无处存放，请补上。")
            return ()
        steps = tuple(text.split("."))
        for step in steps:
            if not STEP.fullmatch(step) or step in FORBIDDEN_STEPS:
                self.problem(
                    element_id,
                    f"invalid-{named}",
                    f"{named}“{text}”不能用作变量名，请只用字母、数字和下划线。",
                )
                return ()
        return steps

    def _claim(self, component: Component) -> None:
        """Two fields must not write to one place; form-js would refuse to draw them."""
        if not component.steps:
            return
        if component.path[0] in RESERVED_ROOTS:
            message = f"“{component.path[0]}”由系统填写，不能由表单改写，请换一个名称。"
            self.problem(component.id, "reserved-key", message)
        if component.type == "group":
            return
        for other, owner in self._claims.items():
            shorter, longer = sorted((other, component.path), key=len)
            inside = longer[: len(shorter)] == shorter and longer[len(shorter) : len(shorter) + 1] != ("*",)
            if inside:
                message = f"“{component.generic_path}”已被组件 {owner} 占用，请换一个 key。"
                self.problem(component.id, "duplicate-key", message)
                return
        self._claims[component.path] = component.id

    def _hide(self, element_id: str, raw: Mapping[str, Any]) -> str | None:
        conditional = raw.get("conditional")
        hide = conditional.get("hide") if isinstance(conditional, Mapping) else None
        if hide in (None, "", "="):
            return None
        if not is_expression(hide):
            self.problem(element_id, "condition-not-feel", "隐藏条件应当以“=”开头，否则浏览器不会计算它。")
            return None
        return str(hide)[1:]

    def _readonly(self, element_id: str, raw: Mapping[str, Any]) -> bool | str:
        readonly = raw.get("readonly", False)
        if isinstance(readonly, bool) or readonly is None:
            return bool(readonly)
        if is_expression(readonly):
            return str(readonly)[1:]
        self.problem(element_id, "readonly-not-feel", "只读应当是 true、false 或以“=”开头的表达式。")
        return False

    def _disabled(self, element_id: str, raw: Mapping[str, Any]) -> bool:
        disabled = raw.get("disabled", False)
        if not isinstance(disabled, bool) and disabled is not None:
            message = "停用（disabled）只能是 true 或 false，表达式不起作用，请改用只读（readonly）。"
            self.problem(element_id, "disabled-not-boolean", message)
        return disabled is True


def _label(raw: Mapping[str, Any]) -> str:
    """Return the words by which people know the component; a computed label cannot be known beforehand."""
    for name in ("label", "dateLabel", "timeLabel", "title"):
        text = raw.get(name)
        if isinstance(text, str) and text.strip() and not is_expression(text) and "{{" not in text:
            return text.strip()
    named = raw.get("key") or raw.get("path")
    return named if isinstance(named, str) else ""


def expressions(component: Component) -> Iterator[tuple[str, str, bool]]:
    """Yield (property, FEEL without `=`, is a unary test) for everything form-js evaluates in a component."""
    if component.hide:
        yield "conditional.hide", component.hide, True
    if isinstance(component.readonly, str):
        yield "readonly", component.readonly, True
    for name in ("valuesExpression", "columnsExpression", "dataSource", "expression", "multiple"):
        if is_expression(component.attributes.get(name)):
            yield name, component.attributes[name][1:], False
    for name in ("min", "max", "minLength", "maxLength"):
        if is_expression(component.validate.get(name)):
            yield f"validate.{name}", component.validate[name][1:], False
    yield from _templates(component)


TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
TEMPLATED = ("label", "description", "text", "content", "source", "alt", "url", "title", "accept")


def _templates(component: Component) -> Iterator[tuple[str, str, bool]]:
    appearance = component.attributes.get("appearance")
    adorners = appearance if isinstance(appearance, Mapping) else {}
    texts = [(name, component.attributes.get(name)) for name in TEMPLATED]
    texts += [(f"appearance.{name}", adorners.get(name)) for name in ("prefixAdorner", "suffixAdorner")]
    for name, text in texts:
        if is_expression(text):
            yield name, str(text)[1:], False
        elif isinstance(text, str):
            for found in TEMPLATE.finditer(text):
                inner = found[1].strip()
                inner = re.sub(r"^#(if|loop)\b", "", inner).strip()
                if inner and not inner.startswith("/") and inner != "else":
                    yield name, inner, False
