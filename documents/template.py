"""A template folder, read: what it is called, what it needs, and its pages of sandboxed Jinja.

The folder reaches us as a mapping of file name to content. Its own files are `template.html`, `style.css`,
`meta.yaml` and `sample.json`; what templates share (layout, style sheet, fact types) stands beside them under
`_shared/…`. Nothing is read from a disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2
import yaml
from jinja2 import nodes
from jinja2.bccache import Bucket
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from documents.errors import DocumentError, TemplateFails, TemplateInvalid
from documents.facts import FactSchema, Missing
from documents.filters import FILTERS, TESTS

PAGE, STYLE, META, SAMPLE = "template.html", "style.css", "meta.yaml", "sample.json"
SHARED_FACTS = "_shared/facts.yaml"
YAML_LIMIT = 200_000
#: The same safe loader, in C where the library was built with it.
YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Those of Jinja's own filters that could switch the escaping off, or are of no use in a document.
FOREIGN_FILTERS = frozenset(
    (
        "safe",
        "attr",
        "pprint",
        "xmlattr",
        "urlize",
        "tojson",
        "random",
        "filesizeformat",
        "striptags",
        "indent",
    )
)


class Sandbox(ImmutableSandboxedEnvironment):
    """Facts are plain: `a.items` is the fact called items, never a method of a dictionary."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return self._of(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping):
            return self._of(obj, argument)
        return super().getitem(obj, argument)

    def _of(self, facts: Mapping[str, Any], key: Any) -> Any:
        if isinstance(key, Missing):
            return key  # a word looked up by a fact that the preview shows as missing
        try:
            return facts[key]
        except (KeyError, TypeError):
            return self.undefined(obj=facts, name=key)


class NothingToPrint(jinja2.UndefinedError):
    """A template prints an optional fact that was not given."""


def _print(value: Any) -> Any:
    if value is None:
        raise NothingToPrint("要印出的事实没有给出")
    return value


@dataclass(frozen=True)
class Meta:
    """What meta.yaml says. `series` is the pattern of the number, None for a document without numbers."""

    title: str
    layout: str | None
    series: str | None
    signers: tuple[str, ...] = ()
    copies: str = ""
    retention: str = ""
    watermark: str = "草稿"
    legal_basis: tuple[Mapping[str, str], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Template:
    """A template folder, ready to be filled in."""

    files: Mapping[str, bytes]
    digest: str
    meta: Meta
    schema: FactSchema
    environment: jinja2.Environment

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> Template:
        """Return the template in `files`. Raise `TemplateInvalid`, naming the file that cannot be read."""
        if PAGE not in files:
            raise TemplateInvalid(file=PAGE, cause="缺少这个文件")
        meta = read_meta(files)
        shared = read_yaml(files, SHARED_FACTS) if SHARED_FACTS in files else {}
        try:
            schema = FactSchema(meta.facts, shared.get("$defs", {}))
        except ValueError as error:
            raise TemplateInvalid(file=META, cause=str(error)) from error
        return cls(dict(files), digest(files), meta, schema, environment(files))

    def html(self, facts: Mapping[str, Any]) -> str:
        """Return the page filled in with completed facts. Raise `TemplateFails` or what a filter raises."""
        try:
            return self.environment.get_template(PAGE).render(facts, meta=self.meta)
        except (DocumentError, MemoryError):
            raise
        except jinja2.TemplateSyntaxError as error:
            name = error.name or PAGE
            raise TemplateFails(file=name, line=error.lineno, cause=f"写法有误：{error.message}") from error
        except Exception as error:  # the template is somebody's program: whatever it trips over is its fault
            file, line = self._where(error)
            raise TemplateFails(file=file, line=line, cause=_cause(error)) from error

    def _where(self, error: BaseException) -> tuple[str, int]:
        """Return the file and line of the template in which `error` was raised."""
        file, line = PAGE, 0
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename in self.files:
                file, line = step.tb_frame.f_code.co_filename, step.tb_lineno
            step = step.tb_next
        return file, line

    def stylesheets(self) -> tuple[bytes, ...]:
        """Return the layout's style sheet and the template's own, in this order."""
        names = (*((f"{self.meta.layout}.css",) if self.meta.layout else ()), STYLE)
        return tuple(self.files[name] for name in names if name in self.files)

    def sample(self) -> dict[str, Any]:
        """Return the facts of sample.json. Raise `TemplateInvalid`."""
        try:
            sample = json.loads(self.files[SAMPLE])
        except KeyError:
            raise TemplateInvalid(file=SAMPLE, cause="缺少这个文件") from None
        except json.JSONDecodeError as error:
            where = f"第{error.lineno}行第{error.colno}个字符处"
            raise TemplateInvalid(file=SAMPLE, cause=f"不是正确的 JSON（{where}）") from error
        except RecursionError as error:
            raise TemplateInvalid(file=SAMPLE, cause="嵌套太深") from error
        except ValueError as error:
            raise TemplateInvalid(file=SAMPLE, cause="不是 UTF-8 编码的文字") from error
        if not isinstance(sample, dict):
            raise TemplateInvalid(file=SAMPLE, cause="最外层应当是一组事实 {…}")
        return sample


def _cause(error: BaseException) -> str:
    if isinstance(error, SecurityError):
        return f"模板不得这样做（{error}）"
    if isinstance(error, NothingToPrint):
        return str(error)
    if isinstance(error, jinja2.UndefinedError):
        return f"用到了没有的事实（{error}）"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"没有名为“{error.name}”的文件"
    return f"{error}" or type(error).__name__


def digest(files: Mapping[str, bytes]) -> str:
    """Return a hash of the names and contents, the same for the same files in any order."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{len(name.encode())}:{name}:{len(files[name])}:".encode() + files[name])
    return total.hexdigest()


class Compiled(jinja2.BytecodeCache):
    """Compiled pages of this process, by name and content: the shared ones serve every template."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pages: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._pages.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if len(self._pages) >= self._most:
            self._pages.clear()
        self._pages[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


COMPILED = Compiled(most=500)


def environment(files: Mapping[str, bytes]) -> Sandbox:
    """Return the sandbox in which these files, and no others, can be filled in."""

    def source(name: str) -> tuple[str, str, None]:
        if name not in files or not name.endswith(".html"):
            raise jinja2.TemplateNotFound(name)
        return read_text(files, name), name, None

    sandbox = Sandbox(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_print,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=COMPILED,
    )
    sandbox.filters = {name: one for name, one in sandbox.filters.items() if name not in FOREIGN_FILTERS}
    sandbox.filters.update(FILTERS)
    sandbox.tests.update(TESTS)
    sandbox.globals = {"range": sandbox.globals["range"], "namespace": sandbox.globals["namespace"]}
    parse = sandbox._parse

    def parse_escaping(source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = parse(source, name, filename)
        for node in tree.find_all(nodes.ScopedEvalContextModifier):
            raise jinja2.TemplateSyntaxError("不得关闭自动转义（autoescape）", node.lineno, name, filename)
        return tree

    sandbox._parse = parse_escaping  # type: ignore[method-assign] # every way of loading passes here
    return sandbox


def read_text(files: Mapping[str, bytes], name: str) -> str:
    """Return a file as text. Raise `TemplateInvalid` where it is not UTF-8."""
    try:
        return files[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TemplateInvalid(file=name, cause="不是 UTF-8 编码的文字") from error


def read_yaml(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """Return a YAML file as a mapping. Raise `TemplateInvalid`; anchors are refused, they can hide a bomb."""
    text = read_text(files, name)
    if len(text) > YAML_LIMIT:
        raise TemplateInvalid(file=name, cause=f"超过 {YAML_LIMIT} 个字符")
    try:
        for token in yaml.scan(text, Loader=YAML):
            if isinstance(token, (yaml.AliasToken, yaml.AnchorToken)):
                raise TemplateInvalid(file=name, cause="不得使用 YAML 的锚点（&、*）")
        content = yaml.load(text, Loader=YAML)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"（第{mark.line + 1}行第{mark.column + 1}个字符处）" if mark else ""
        raise TemplateInvalid(file=name, cause=f"不是正确的 YAML{where}") from error
    if not isinstance(content, dict):
        raise TemplateInvalid(file=name, cause="最外层应当是“名称: 值”")
    return content


def read_meta(files: Mapping[str, bytes]) -> Meta:
    """Return what meta.yaml says. Raise `TemplateInvalid` for what is missing or of the wrong kind."""
    if META not in files:
        raise TemplateInvalid(file=META, cause="缺少这个文件")
    content = read_yaml(files, META)
    for key, kind, wanted in (("title", str, "文字"), ("facts", dict, "JSON Schema")):
        if not isinstance(content.get(key), kind):
            raise TemplateInvalid(file=META, cause=f"缺少 {key}（{wanted}）")
    for key in ("layout", "series", "copies", "retention", "watermark"):
        if not isinstance(content.get(key, ""), (str, type(None))):
            raise TemplateInvalid(file=META, cause=f"{key} 应当是文字")
    for key in ("signers", "legal_basis"):
        if not isinstance(content.get(key, []), list):
            raise TemplateInvalid(file=META, cause=f"{key} 应当是清单")
    return Meta(
        title=content["title"],
        layout=(content.get("layout") or "").removesuffix(".html") or None,
        series=content.get("series"),
        signers=tuple(map(str, content.get("signers", []))),
        copies=content.get("copies") or "",
        retention=content.get("retention") or "",
        watermark=content.get("watermark") or "草稿",
        legal_basis=tuple(one for one in content.get("legal_basis", []) if isinstance(one, dict)),
        facts=content["facts"],
    )
