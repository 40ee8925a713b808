"""The files of a bundle, read once and indexed by what they are called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml

from engine import dialect
from engine.decisions import DecisionModel
from engine.dialect import Element, Process
from engine.problems import Problem, Severity

TEMPLATES = "documents/templates/"
SHARED = "_shared"

LAYOUT = re.compile(
    r"workflows/[^/]+\.(bpmn|dmn)"
    r"|forms/[^/]+/[^/]+\.form"
    r"|documents/templates/[^/]+/[^/]+"
)
"""Where a file of a bundle lies."""

LARGEST = 8 * 1024 * 1024
"""Bytes of one file: larger ones are never procedures, and reading them is what an attacker wants."""

LARGEST_META = 200_000
"""Bytes of a meta.yaml."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class FormFile:
    """A form as far as references need it: `keys` are the top-level variables that it asks for."""

    file: str
    id: str
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TemplateFolder:
    """A document template:

    `facts` are the top-level facts it knows, `required` those it cannot do without.
    """

    name: str
    files: Mapping[str, bytes]
    facts: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


@dataclass
class Contents:
    """What a bundle holds. `problems` are those of reading; the checks add to it with `add` and `warn`."""

    files: Mapping[str, bytes]
    processes: dict[str, Process] = field(default_factory=dict)
    decisions: DecisionModel = field(default_factory=lambda: DecisionModel((), {}))
    unread: bool = False
    """Whether a diagram or a table could not be read, so that nothing can be said of what is unused."""
    forms: dict[str, FormFile] = field(default_factory=dict)
    templates: dict[str, TemplateFolder] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, file: str, element_id: str, code: str, message: str, severity: Severity = "error") -> None:
        self.problems.append(Problem(file, element_id, code, message, severity))

    def warn(self, file: str, element_id: str, code: str, message: str) -> None:
        self.add(file, element_id, code, message, "warning")

    def elements(self) -> Iterator[tuple[Process, Element]]:
        """Yield every element with its process."""
        for process in self.processes.values():
            for element in process.elements.values():
                yield process, element


def read(files: Mapping[str, bytes]) -> Contents:
    """Return the contents of `files` with the problems of reading them. Never raises for content."""
    contents = Contents(files)
    usable = {path: content for path, content in sorted(files.items()) if _is_usable(contents, path, content)}
    _read_diagrams(contents, usable)
    _read_decisions(contents, usable)
    for path, content in usable.items():
        if path.endswith(".form"):
            _read_form(contents, path, content)
    _read_templates(contents, usable)
    return contents


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `，是不是指“…”` for the known name that is most alike, "" if none is."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"，是不是指“{close[0]}”" if close else ""


def _is_usable(contents: Contents, path: str, content: bytes) -> bool:
    if not LAYOUT.fullmatch(path):
        contents.warn(
            path,
            "",
            "file-misplaced",
            "文件不在 workflows/、forms/<流程>/ 或 documents/templates/<文书>/ 之下，不会被使用。",
        )
        return False
    if len(content) > LARGEST:
        contents.add(path, "", "file-too-large", f"文件超过{LARGEST // 1024 // 1024}MB，不予读取。")
        return False
    return True


def _read_diagrams(contents: Contents, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        if not path.endswith(".bpmn"):
            continue
        diagram = dialect.read(path, content)
        contents.problems += diagram.problems
        contents.unread |= not diagram.processes
        for process in diagram.processes.values():
            other = contents.processes.get(process.id)
            if other is None:
                contents.processes[process.id] = process
            else:
                message = f"流程编号“{process.id}”与 {other.file} 里的重复，启动时不知道指哪一个。"
                contents.add(path, process.id, "duplicate-process-id", message)


def _read_decisions(contents: Contents, files: Mapping[str, bytes]) -> None:
    tables = {path: content for path, content in files.items() if path.endswith(".dmn")}
    contents.decisions = DecisionModel.parse(tables)
    contents.problems += contents.decisions.problems
    contents.unread |= any(problem.severity == "error" for problem in contents.decisions.problems)


def _read_form(contents: Contents, path: str, content: bytes) -> None:
    """Index a form by its id. What is wrong inside the file is the forms room's to say."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        return
    form_id = document["id"]
    folder, name = path.removeprefix("forms/").removesuffix(".form").split("/")
    if form_id != f"{folder}.{name}":
        message = f"表单的 id 是“{form_id}”，按所在位置应为“{folder}.{name}”。"
        contents.add(path, form_id, "form-id-mismatch", message)
    if form_id in contents.forms:
        message = f"表单 id“{form_id}”与 {contents.forms[form_id].file} 里的重复。"
        contents.add(path, form_id, "duplicate-form-id", message)
        return
    keys = frozenset(_form_keys(document.get("components")))
    contents.forms[form_id] = FormFile(path, form_id, keys)


def _form_keys(components: Any, depth: int = 0) -> Iterator[str]:
    """Yield the variables that the components write:

    the first part of their keys or of the path around them.
    """
    if not isinstance(components, list) or depth > 50:
        return
    for component in components:
        if not isinstance(component, dict):
            continue
        own = component.get("path") or component.get("key")
        if isinstance(own, str) and own:
            yield own.split(".")[0]
        else:
            yield from _form_keys(component.get("components"), depth + 1)


def _read_templates(contents: Contents, files: Mapping[str, bytes]) -> None:
    folders: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        if path.startswith(TEMPLATES):
            folder, name = path.removeprefix(TEMPLATES).split("/")
            folders.setdefault(folder, {})[name] = content
    shared = {f"{SHARED}/{name}": content for name, content in folders.pop(SHARED, {}).items()}
    for folder, own in folders.items():
        facts, required = _facts(own.get("meta.yaml", b""))
        contents.templates[folder] = TemplateFolder(folder, {**shared, **own}, facts, required)


def _facts(meta: bytes) -> tuple[frozenset[str], frozenset[str]]:
    """Return the facts that meta.yaml names and those it requires; nothing if it cannot be read."""
    if len(meta) > LARGEST_META:
        return frozenset(), frozenset()
    try:
        described = yaml.load(meta, Loader=_LOADER)  # noqa: S506 - safe, in C
    except (yaml.YAMLError, ValueError, RecursionError):
        return frozenset(), frozenset()
    facts = described.get("facts") if isinstance(described, dict) else None
    if not isinstance(facts, dict):
        return frozenset(), frozenset()
    properties, required = facts.get("properties"), facts.get("required")
    return (
        _names(properties if isinstance(properties, dict) else ()),
        _names(required if isinstance(required, list) else ()),
    )


def _names(items: Iterable[Any]) -> frozenset[str]:
    """Return the texts among `items`: anything else, put into words, may be endless."""
    return frozenset(item for item in items if isinstance(item, str))
