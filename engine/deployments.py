"""Deployments: immutable, content-addressed bundles of files, and what can be read from them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection, func, select

from engine import dialect
from engine.database import Database
from engine.decisions import DecisionModel
from engine.dialect import Element, Process
from engine.permissions import EVERYBODY
from engine.tables import AnyRow, canonical, deployment, deployment_resource, process_definition, resource

_TEMPLATES = "documents/templates/"


@dataclass(frozen=True)
class Bundle:
    """All files of a deployment: path -> content. Equal hashes mean equal files. Parsed when first asked."""

    hash: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Bundle:
        return cls(
            hash_of({path: hashlib.sha256(content).hexdigest() for path, content in files.items()}),
            dict(files),
        )

    @cached_property
    def diagrams(self) -> Mapping[str, Process]:
        """The executable processes by id."""
        return {
            process.id: process
            for path in sorted(self.files)
            if path.endswith(".bpmn")
            for process in dialect.read(path, self.files[path]).processes.values()
        }

    @cached_property
    def decisions(self) -> DecisionModel:
        return DecisionModel.parse({path: data for path, data in self.files.items() if path.endswith(".dmn")})

    @cached_property
    def forms(self) -> Mapping[str, str]:
        """Form id -> path."""
        found: dict[str, str] = {}
        for path in sorted(self.files):
            if path.endswith(".form"):
                try:
                    form = json.loads(self.files[path])
                except ValueError:
                    continue  # the check names it
                if isinstance(form, dict) and isinstance(form.get("id"), str):
                    found.setdefault(form["id"], path)
        return found

    @cached_property
    def task_forms(self) -> Mapping[tuple[str, str], tuple[str, bytes]]:
        """(process id, element id) -> path and content of the form, for all tasks that have one."""
        return {
            (process.id, element.id): (path, self.files[path])
            for process in self.diagrams.values()
            for element in process.elements.values()
            if (path := self.forms.get(element.form_id or "")) is not None
        }

    def template(self, name: str) -> Mapping[str, bytes]:
        """Return the files of a document template: name inside its folder -> content, and what templates share as
        `_shared/<file>`; empty if there is no such template."""
        return {_inside(path, name): self.files[path] for path in self._template_paths(name)}

    def _template_paths(self, name: str) -> list[str]:
        own = [path for path in self.files if path.startswith(f"{_TEMPLATES}{name}/")]
        return own and [*own, *(path for path in self.files if path.startswith(f"{_TEMPLATES}_shared/"))]

    def uses(self, process_id: str) -> frozenset[str]:
        """Return the paths that a process depends on: its file, and through it forms, tables, templates, callees."""
        used: set[str] = set()
        seen: set[str] = set()
        todo = [process_id]
        while todo:
            process = self.diagrams.get(todo.pop())
            if process is None or process.id in seen:
                continue
            seen.add(process.id)
            used.add(process.file)
            for element in process.elements.values():
                used |= self._used_by(element)
                if element.called_process:
                    # A name computed at run time may be any process.
                    computed = element.called_process.startswith("=")
                    todo.extend(self.diagrams if computed else [element.called_process])
        return frozenset(used)

    def _used_by(self, element: Element) -> set[str]:
        used = set()
        if element.form_id and element.form_id in self.forms:
            used.add(self.forms[element.form_id])
        if element.decision_id:
            used |= self._tables(element.decision_id)
        template = element.headers.get("template")
        if template:
            used |= set(self._template_paths(template))
        return used

    def _tables(self, decision_id: str) -> set[str]:
        if decision_id.startswith("="):
            return {path for path in self.files if path.endswith(".dmn")}
        used: set[str] = set()
        seen: set[str] = set()
        todo = [decision_id]
        while todo:
            decision = self.decisions.decisions.get(todo.pop())
            if decision is not None and decision.id not in seen:
                seen.add(decision.id)
                used.add(decision.file)
                todo.extend(decision.requires)
        return used

    def starters(self, process_id: str) -> frozenset[str]:
        """Return the groups that may start a process by hand.

        The process property `case_starters` names them, separated by commas (`*`: everybody, empty: nobody). Without
        it: the lanes of the first user tasks; everybody if these have none; nobody if another process calls this one
        or it has no plain start event.
        """
        process = self.diagrams[process_id]
        if not any(start.event.kind == "none" for start in process.start_events):
            return frozenset()
        stated = process.properties.get("case_starters")
        if stated is not None:
            return frozenset(name.strip() for name in stated.split(",") if name.strip())
        if process_id in self._called:
            return frozenset()
        return _first_lanes(process) or frozenset({EVERYBODY})

    @cached_property
    def _called(self) -> frozenset[str]:
        return frozenset(
            element.called_process
            for process in self.diagrams.values()
            for element in process.elements.values()
            if element.called_process and element.called_process != process.id
        )


def _inside(path: str, template: str) -> str:
    return path.removeprefix(f"{_TEMPLATES}{template}/").removeprefix(_TEMPLATES)


def hash_of(digests: Mapping[str, str]) -> str:
    """Return the content address of files given as path -> SHA-256."""
    return hashlib.sha256(canonical(dict(digests)).encode()).hexdigest()


def _first_lanes(process: Process) -> frozenset[str]:
    """Return the lanes of the user tasks that can be reached first from the plain start events."""
    lanes: set[str] = set()
    seen: set[str] = set()
    todo = [start.id for start in process.start_events if start.event.kind == "none"]
    while todo:
        element = process.elements.get(todo.pop())
        if element is None or element.id in seen:
            continue
        seen.add(element.id)
        if element.type == "userTask":
            if element.lane:
                lanes.add(element.lane)
            continue
        if element.type == "subProcess":
            todo.extend(child.id for child in process.children(element.id) if child.type == "startEvent")
        todo.extend(flow.target for flow in element.outgoing)
    return frozenset(lanes)


class Deployments:
    """Reads deployments and keeps the bundles used last. Thread-safe."""

    def __init__(self, database: Database, *, keep: int = 16) -> None:
        self._database = database
        self._keep = keep
        self._bundles: OrderedDict[int, Bundle] = OrderedDict()
        self._lock = threading.Lock()

    def bundle(self, tx: Connection, deployment_key: int) -> Bundle:
        """Return the bundle of a deployment, from memory if it was used lately."""
        with self._lock:
            known = self._bundles.get(deployment_key)
            if known is not None:
                self._bundles.move_to_end(deployment_key)
                return known
        bundle = _load(tx, deployment_key)
        with self._lock:
            # Another deployment may hold the very same files, already parsed.
            same = next((other for other in self._bundles.values() if other.hash == bundle.hash), bundle)
            self._bundles[deployment_key] = same
            while len(self._bundles) > self._keep:
                self._bundles.popitem(last=False)
        return same

    def latest(self) -> Bundle | None:
        """Return the bundle new cases start on; None before the first deployment."""
        with self._database.read() as tx:
            key = latest_key(tx)
            return None if key is None else self.bundle(tx, key)

    def noted(self, note: str) -> Bundle | None:
        """Return the newest bundle that was deployed with exactly this note; None if there is none."""
        with self._database.read() as tx:
            newest = select(func.max(deployment.c.key)).where(deployment.c.note == note)
            key = tx.execute(newest).scalar_one_or_none()
            return None if key is None else self.bundle(tx, key)

    def file(self, deployment_key: int, path: str) -> bytes | None:
        with self._database.read() as tx:
            return self.bundle(tx, deployment_key).files.get(path)


def latest_key(tx: Connection) -> int | None:
    return tx.execute(select(func.max(deployment.c.key))).scalar_one_or_none()


def latest_definition(tx: Connection, process_id: str) -> AnyRow | None:
    """Return (deployment_key, version, name, file) of a process in the latest deployment; None if it has none."""
    newest = select(func.max(deployment.c.key)).scalar_subquery()
    query = select(
        process_definition.c.deployment_key,
        process_definition.c.version,
        process_definition.c.name,
        process_definition.c.file,
    ).where(process_definition.c.deployment_key == newest, process_definition.c.process_id == process_id)
    return tx.execute(query).one_or_none()


def _load(tx: Connection, deployment_key: int) -> Bundle:
    query = (
        select(deployment_resource.c.path, resource.c.content)
        .join(resource, resource.c.sha256 == deployment_resource.c.sha256)
        .where(deployment_resource.c.deployment_key == deployment_key)
    )
    return Bundle.of({row.path: row.content for row in tx.execute(query)})
