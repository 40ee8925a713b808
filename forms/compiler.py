"""From a form-js file to a `Form`, or to everything that is wrong with the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from forms.components import CHOICES, TEXTS, Component, is_expression, walk
from forms.errors import FormInvalid
from forms.form import Form
from forms.formats import CUSTOM
from forms.parse import Parser, expressions
from forms.ports import FeelPort
from forms.schema import pattern_error

WORD = re.compile(r"[^\W\d]\w*")
SUBTYPES = ("date", "time", "datetime")
#: What an HTML view may hold: text and its shape, nothing that loads, runs or hides.
BLOCKS = ("div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "ul")
PHRASES = ("a", "b", "br", "code", "em", "i", "small", "span", "strong", "sub", "sup", "u")
TABLES = ("table", "tbody", "td", "th", "thead", "tr")
PLAIN_TAGS = frozenset((*BLOCKS, *PHRASES, *TABLES))
LINKS = ("https://", "http://", "mailto:", "tel:", "/", "#")
PLAIN_ATTRIBUTES = frozenset({"href", "title", "colspan", "rowspan"})


def compile_form(file: str, content: bytes, feel: FeelPort) -> Form:
    """Return the form. Raise `FormInvalid` with everything wrong in it."""
    parser = Parser()
    document = parser.document(content)
    form_id = parser.form_id(document) if document else ""
    components = parser.components(document.get("components", [])) if document else ()
    for component in walk(components):
        _check(parser, component, feel)
    if parser.problems:
        raise FormInvalid(file, parser.problems)
    wanted = {component.id: _computed(component) for component in walk(components)}
    return Form(
        file=file,
        form_id=form_id,
        components=components,
        expressions=wanted,
        document=document,
        mentioned=_mentioned(components),
        feel=feel,
    )


def _computed(component: Component) -> dict[str, str]:
    """Return the expressions whose values reading needs, by property."""
    names = ("valuesExpression", "expression", "multiple", "accept")
    found = {name: text for name, text, unary in expressions(component) if not unary}
    needed = {name: text for name, text in found.items() if name in names or name.startswith("validate.")}
    if not is_expression(component.attributes.get("accept")):
        needed.pop("accept", None)
    return needed


def _mentioned(components: tuple[Component, ...]) -> frozenset[str]:
    """Return every word that could name a variable: of keys, paths, option sources and expressions."""
    words: set[str] = set()
    for component in walk(components):
        words.update(component.path[:1])
        words.add(str(component.attributes.get("valuesKey", "")))
        source = component.attributes.get("dataSource")
        texts = [text for _, text, _ in expressions(component)] + [str(source or "")]
        words.update(word for text in texts for word in WORD.findall(text))
    return frozenset(words - {"", "*"})


def _check(parser: Parser, component: Component, feel: FeelPort) -> None:
    for name, text, unary in expressions(component):
        if error := feel.syntax_error(text, unary=unary):
            message = f"{_PROPERTIES.get(name, name)}的表达式“{text}”写错了：{error.rstrip('。')}。"
            parser.problem(component.id, "invalid-feel", message)
    if component.keyed:
        _check_validation(parser, component)
    if component.type in CHOICES:
        _check_options(parser, component)
    if component.type == "html":
        _check_html(parser, component)
    if component.type == "datetime" and component.attributes.get("subtype", "date") not in SUBTYPES:
        parser.problem(component.id, "unknown-subtype", "日期时间组件的 subtype 只能是 date、time 或 datetime。")
    if component.type == "expression" and not is_expression(component.attributes.get("expression")):
        parser.problem(component.id, "expression-missing", "表达式组件没有以“=”开头的表达式，请补上。")
    if component.type == "expression" and (component.readonly or component.disabled):
        parser.problem(component.id, "expression-locked", "表达式组件设成只读或停用就不再计算，请取消。")


_PROPERTIES = {
    "conditional.hide": "隐藏条件",
    "readonly": "只读",
    "valuesExpression": "选项",
    "columnsExpression": "表格列",
    "dataSource": "数据来源",
    "expression": "计算",
    "validate.min": "最小值",
    "validate.max": "最大值",
    "validate.minLength": "最少字数",
    "validate.maxLength": "最多字数",
    "label": "标签",
    "description": "说明",
    "text": "文字",
}


def _check_validation(parser: Parser, component: Component) -> None:
    validate = component.validate
    pattern = validate.get("pattern")
    if isinstance(pattern, str) and pattern and (error := pattern_error(pattern)):
        message = f"格式要求“{pattern}”不能使用（{error}），请改成不含环视和反向引用的正则表达式。"
        parser.problem(component.id, "invalid-pattern", message)
    kind = validate.get("validationType")
    if kind not in (None, "", "custom", "email", "phone"):
        parser.problem(component.id, "unknown-validation", f"不认识校验类型“{kind}”，只能是 email 或 phone。")
    properties = component.attributes.get("properties")
    named = properties.get("format") if isinstance(properties, Mapping) else None
    fits = component.type in TEXTS or (component.type == "number" and named == "money")
    if named is not None and (named not in CUSTOM or not fits):
        known = "、".join(CUSTOM)
        message = f"属性 format“{named}”在这里不能用；文本框可用 {known}，数字可用 money。"
        parser.problem(component.id, "unknown-format", message)
    for name in ("min", "max", "minLength", "maxLength"):
        limit = validate.get(name)
        usable = limit is None or is_expression(limit) or _number(limit)
        if not usable and limit != "":
            message = f"{_PROPERTIES[f'validate.{name}']}“{limit}”应当是数字或以“=”开头的表达式。"
            parser.problem(component.id, "invalid-limit", message)


def _number(limit: Any) -> bool:
    if isinstance(limit, str):
        return re.fullmatch(r"-?\d+(\.\d+)?", limit, re.ASCII) is not None
    return isinstance(limit, int | float) and not isinstance(limit, bool)


def _check_options(parser: Parser, component: Component) -> None:
    """One source, and something to choose from."""
    attributes = component.attributes
    sources = [name for name in ("values", "valuesKey", "valuesExpression") if attributes.get(name) is not None]
    if len(sources) != 1:
        message = "选项要有且只有一个来源：values、valuesKey 或 valuesExpression。"
        parser.problem(component.id, "options-source", message)
        return
    values = attributes.get("values")
    if sources != ["values"]:
        return
    if not isinstance(values, list) or not values:
        parser.problem(component.id, "options-missing", "没有可选的项，请至少写一项。")
        return
    seen: list[Any] = []
    for one in values:
        value = one.get("value") if isinstance(one, Mapping) else one
        if value in seen:
            parser.problem(component.id, "duplicate-option", f"选项值“{value}”重复，请改掉其中一个。")
        seen.append(value)


def _check_html(parser: Parser, component: Component) -> None:
    content = component.attributes.get("content", "")
    reader = _PlainHtml()
    reader.feed(content if isinstance(content, str) else "")
    reader.close()
    if reader.refused:
        message = f"HTML 里不允许 {reader.refused[0]}，只能用简单的文字排版和链接，或改用“文字”组件。"
        parser.problem(component.id, "hostile-html", message)


class _PlainHtml(HTMLParser):
    """Notes what is more than text: the browser sanitizes too, but such a form is better not deployed."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag or an attribute that is not plain."""
        if tag not in PLAIN_TAGS:
            self.refused.append(f"<{tag}>")
        for name, value in attrs:
            link = (value or "").strip().lower()
            if name not in PLAIN_ATTRIBUTES:
                self.refused.append(f"属性 {name}")
            elif name == "href" and not link.startswith(LINKS):
                self.refused.append("这种链接")

    def handle_decl(self, decl: str) -> None:
        """Note a declaration."""
        self.refused.append(f"<!{decl[:20]}>")

    def unknown_decl(self, data: str) -> None:
        """Note a marked section."""
        self.refused.append("<![…]>")

    def handle_pi(self, data: str) -> None:
        """Note a processing instruction."""
        self.refused.append("<?…>")
