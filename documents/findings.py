"""What is wrong with a template, before anybody prints with it: file, place and one sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import jinja2
import tinycss2  # type: ignore[import-untyped] # ships no types
from jinja2 import meta as jinja_meta
from jinja2 import nodes

from documents import characters
from documents.errors import DocumentError, TemplateInvalid
from documents.facts import plain
from documents.template import META, PAGE, SAMPLE, STYLE, Template, environment, read_text

#: Facts that every template may count on beside its own: filled in by the system.
GIVEN = frozenset({"meta"})
SERIES_FIELDS = frozenset({"org", "yyyy", "yyyymm", "yyyymmdd", "seq"})
CONFIDENCES = frozenset({"读", "摘", "忆", "公司流程", "建议"})
URL_ATTRIBUTE = re.compile(
    r"""(?:\b(?:src|srcset|href|poster|data|action)\s*=\s*["']?|url\(\s*["']?)"""
    r"""\s*((?:[a-z][a-z0-9+.-]*:|[/\\\\]{2})[^"')\s>]*)""",
    re.I,
)
FOREIGN = "{}引用了外部资源“{}”，只能用 data: 写在模板里的内容。"
UNKNOWN = "{}用到的事实“{}”没有写在 meta.yaml 的 facts 里，请补写或者改名。"
SCRIPT = re.compile(r"<\s*script\b|\bon[a-z]+\s*=\s*[\"']|javascript:", re.I)
EMBEDDING = re.compile(r"<\s*(iframe|object|embed|base|link)\b", re.I)


@dataclass(frozen=True)
class Finding:
    """One thing wrong. `element` is a line ("第12行"), a fact or a key of the file, "" for the whole file."""

    file: str
    element: str
    code: str
    message: str
    severity: Literal["error", "warning"] = "error"


def check(template: Mapping[str, bytes]) -> list[Finding]:
    """Return everything wrong with a template (file name -> content, shared files as `_shared/<name>`).

    Nothing is printed; a template that passes can still fail on facts its sample does not show.
    """
    found = [*_files(template), *_pages(template), *_styles(template), *_characters(template)]
    if not any(one.file in (META, PAGE) and one.severity == "error" for one in found):
        found += _whole(template)
    return sorted(dict.fromkeys(found), key=lambda one: (one.file, one.element, one.code))


def _files(template: Mapping[str, bytes]) -> Iterator[Finding]:
    for name, code in ((PAGE, "template-missing"), (META, "meta-missing"), (SAMPLE, "sample-missing")):
        if name not in template:
            yield Finding(name, "", code, f"文书模板缺少 {name}，请补上这个文件。")
    if STYLE not in template:
        yield Finding(STYLE, "", "style-missing", "文书模板没有 style.css，将只用版式自带的样式。", "warning")


def _own(template: Mapping[str, bytes], *endings: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of the files with these endings, the shared ones among them, that are readable."""
    for name in sorted(template):
        if name.endswith(endings):
            try:
                yield name, read_text(template, name)
            except TemplateInvalid:
                continue


@lru_cache(maxsize=256)
def _tree(name: str, text: str) -> nodes.Template:
    """Return a page's tree, not to be changed. Raise `jinja2.TemplateError` where it cannot be compiled."""
    sandbox = environment({})
    sandbox.compile(text, name, name)
    return sandbox.parse(text, name)


@lru_cache(maxsize=256)
def _undeclared(name: str, text: str) -> frozenset[str]:
    return frozenset(jinja_meta.find_undeclared_variables(_tree(name, text)))


def _pages(template: Mapping[str, bytes]) -> Iterator[Finding]:
    for name in sorted(template):
        if not name.endswith(".html"):
            continue
        try:
            text = read_text(template, name)
            tree = _tree(name, text)
        except TemplateInvalid as error:
            yield Finding(name, "", "not-utf8", error.message)
            continue
        except (RecursionError, MemoryError):
            yield Finding(name, "", "template-syntax", "Jinja 的嵌套太深，请拆开或者简化。")
            continue
        except jinja2.TemplateError as error:
            line = f"第{getattr(error, 'lineno', 0) or 0}行"
            yield Finding(name, line, "template-syntax", f"{line}的 Jinja 写法有误：{error.message}。")
            continue
        yield from _references(name, tree, template)
        yield from _markup(name, text)


def _references(name: str, tree: nodes.Template, template: Mapping[str, bytes]) -> Iterator[Finding]:
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        target = node.template  # type: ignore[attr-defined] # each of the four has it
        line = f"第{node.lineno}行"
        if not isinstance(target, nodes.Const):
            yield Finding(name, line, "computed-reference", f"{line}引用的文件名必须直接写出，不能计算得来。")
        elif target.value not in template:
            yield Finding(name, line, "reference-missing", f"{line}引用的“{target.value}”不存在，请核对文件名。")


def _markup(name: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"第{number}行"
        for address in URL_ATTRIBUTE.findall(line):
            if not address.lower().startswith("data:"):
                yield Finding(name, where, "forbidden-url", FOREIGN.format(where, address[:80]))
        if SCRIPT.search(line):
            yield Finding(name, where, "script", f"{where}含有脚本，文书里的脚本不会执行，请删除。")
        if match := EMBEDDING.search(line):
            yield Finding(name, where, "embedding", f"{where}使用了 <{match[1].lower()}>，文书模板不得嵌入其他文件。")


def _styles(template: Mapping[str, bytes]) -> Iterator[Finding]:
    for name, text in _own(template, ".css"):
        for rule in tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True):
            where = f"第{rule.source_line}行"
            if rule.type == "error":
                yield Finding(name, where, "style-syntax", f"{where}的样式写法有误：{rule.message}。")
            elif rule.type == "at-rule" and rule.lower_at_keyword in ("import", "font-face"):
                yield Finding(
                    name,
                    where,
                    "style-import",
                    f"{where}使用了 @{rule.lower_at_keyword}，文书样式不得引入其他文件或字体。",
                )
            else:
                yield from _addresses(name, rule)


def _addresses(name: str, rule: tinycss2.ast.Node) -> Iterator[Finding]:
    for part in (*(getattr(rule, "prelude", None) or ()), *(getattr(rule, "content", None) or ())):
        yield from _address(name, part)


def _address(name: str, part: tinycss2.ast.Node) -> Iterator[Finding]:
    value = part.value if part.type == "url" else ""
    if part.type == "function" and part.lower_name in ("url", "src"):
        value = "".join(one.value for one in part.arguments if one.type in ("string", "url")) or "（空）"
    if value and not str(value).lower().startswith("data:"):
        where = f"第{part.source_line}行"
        yield Finding(name, where, "forbidden-url", FOREIGN.format(where, str(value)[:80]))
    for inner in (*(getattr(part, "content", None) or ()), *(getattr(part, "arguments", None) or ())):
        yield from _address(name, inner)


def _characters(template: Mapping[str, bytes]) -> Iterator[Finding]:
    for name, text in _own(template, ".html", ".css", ".yaml", ".json"):
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                characters.refuse(line, f"第{number}行")
            except DocumentError as error:
                yield Finding(name, f"第{number}行", "private-character", error.message)


def _whole(template: Mapping[str, bytes]) -> Iterator[Finding]:
    """Check what needs the meta data: the layout, the series, the facts the pages use, the sample."""
    try:
        whole = Template.read(template)
    except TemplateInvalid as error:
        yield Finding(error.file, "", "meta-invalid", error.message)
        return
    yield from _meta(whole)
    yield from _facts_used(whole)
    if SAMPLE in template:
        yield from _sample(whole)


def _meta(whole: Template) -> Iterator[Finding]:
    described = whole.meta
    if described.layout and f"{described.layout}.html" not in whole.files:
        yield Finding(META, "layout", "layout-missing", f"版式“{described.layout}.html”不存在，请核对 layout。")
    if not described.series:
        yield Finding(META, "series", "series-missing", '没有写编号规则 series，例如 "{org}-HJ-{yyyymm}-{seq:04}"。')
    else:
        fields = set(re.findall(r"\{([a-z]+)", described.series))
        if "seq" not in fields:
            yield Finding(META, "series", "series-without-seq", "编号规则 series 里没有序号 {seq:04}，编号会重复。")
        for unknown in sorted(fields - SERIES_FIELDS):
            yield Finding(META, "series", "series-field", f"编号规则 series 里的“{{{unknown}}}”没有定义。")
    for key, value in (("signers", described.signers), ("copies", described.copies)):
        if not value:
            yield Finding(
                META,
                key,
                f"{key}-missing",
                f"没有写 {key}（{'谁签' if key == 'signers' else '份数'}）。",
                "warning",
            )
    for basis in described.legal_basis:
        if basis.get("confidence") not in CONFIDENCES:
            yield Finding(
                META,
                "legal_basis",
                "confidence-missing",
                f"依据“{basis.get('text', '')}”没有写可信程度（读、摘、忆、公司流程、建议）。",
            )


def _facts_used(whole: Template) -> Iterator[Finding]:
    known = set(whole.schema.resolve(whole.schema.schema).get("properties", {})) | GIVEN
    known |= set(whole.environment.globals)
    for name in _pages_used(whole):
        text = read_text(whole.files, name)
        tree = _tree(name, text)
        lines = {one.name: one.lineno for one in tree.find_all(nodes.Name)}
        # A block does not see, to this library, what its page sets or imports outside of it.
        for fact in sorted(_undeclared(name, text) - known - _own_names(tree)):
            where = f"第{lines.get(fact, 0)}行"
            yield Finding(name, where, "unknown-fact", UNKNOWN.format(where, fact))
        yield from _groups_used(whole, name, tree)


def _own_names(tree: nodes.Template) -> set[str]:
    """Return the names that a page sets, imports or defines itself."""
    names = {one.name for one in tree.find_all(nodes.Name) if one.ctx in ("store", "param")}
    names |= {one.target for one in tree.find_all(nodes.Import)}
    names |= {one.name for one in tree.find_all(nodes.Macro)}
    for imported in tree.find_all(nodes.FromImport):
        names |= {one if isinstance(one, str) else one[1] for one in imported.names}
    return names


def _pages_used(whole: Template) -> list[str]:
    """Return the pages that this template extends, includes or imports, itself first."""
    names, queue = [], [PAGE]
    while queue:
        name = queue.pop(0)
        if name in names or name not in whole.files:
            continue
        names.append(name)
        tree = _tree(name, read_text(whole.files, name))
        queue += [one for one in jinja_meta.find_referenced_templates(tree) if one]
    return names


def _groups_used(whole: Template, name: str, tree: nodes.Template) -> Iterator[Finding]:
    """Check `group.fact` where `group` is a fact of the schema and not a name the page sets itself."""
    own = _own_names(tree)
    properties = whole.schema.schema.get("properties", {})
    for node in tree.find_all(nodes.Getattr):
        path: list[str] = []
        inner: nodes.Expr = node
        while isinstance(inner, nodes.Getattr):
            path.insert(0, inner.attr)
            inner = inner.node
        if not isinstance(inner, nodes.Name) or inner.name in own or inner.name not in properties:
            continue
        group = whole.schema.resolve(properties[inner.name])
        for step, key in enumerate(path):
            if not group.get("properties"):
                break
            if key not in group["properties"]:
                fact = ".".join((inner.name, *path[: step + 1]))
                where = f"第{node.lineno}行"
                yield Finding(name, where, "unknown-fact", UNKNOWN.format(where, fact))
                break
            group = whole.schema.resolve(group["properties"][key])


def _sample(whole: Template) -> Iterator[Finding]:
    try:
        facts = plain(whole.sample())
    except TemplateInvalid as error:
        yield Finding(SAMPLE, "", "sample-invalid", error.message)
        return
    problems = list(whole.schema.problems(facts))
    for problem in problems:
        path = str(problem.facts.get("path", ""))
        yield Finding(SAMPLE, path, "sample-facts", f"样例与 facts 不符：{problem.message}")
    if problems:
        return
    completed = whole.schema.complete(facts)
    own = {"number": None, "check_code": None, "draft": False, **completed.get("document", {})}
    try:
        whole.html({**completed, "document": own})
    except DocumentError as error:
        yield Finding(str(error.facts.get("file", PAGE)), "", "sample-fails", f"样例不能填入模板：{error.message}")
