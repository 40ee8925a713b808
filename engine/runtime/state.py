"""The state of a case as bytes: the live tasks and the variables, no specs.

Compact JSON, compressed with zlib. Lists in place of objects keep it small:
`{"v": version, "b": bundle hash, "p": process id, "n": last id, "c": cancelled, "s": [scope …]}`; a scope is
`[id of the task it is in or null, process id, sub-process id or null, variables, names written, [task …]]`; a
task is `[id, parent id, spec name, state, internal data]`.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from SpiffWorkflow.task import Task as LibraryTask
from SpiffWorkflow.util.task import TaskState

from engine.runtime.case import Case
from engine.runtime.model import UnreadableState
from engine.runtime.workflows import ROOT_ID, Scope, scopes

_VERSION = 1
_LEVEL = 1  # zlib: most of the gain for the least time, at a few kilobytes


def save(case: Case) -> bytes:
    """Return the state of a case."""
    state = {
        "v": _VERSION,
        "b": case.bundle.hash,
        "p": case.process_id,
        "n": case.last_id,
        "c": case.cancelled,
        "s": [_scope(scope) for scope in scopes(case.top)],
    }
    text = json.dumps(state, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return zlib.compress(text.encode(), _LEVEL)


def _scope(scope: Scope) -> list[Any]:
    parent = scope.parent_task
    owner = scope.spec.owner
    tasks = [
        [task.id, task._parent, task.task_spec.name, task._state, task.internal_data]
        for task in scope.tasks.values()
        if task.id != ROOT_ID
    ]
    return [
        parent.id if parent is not None else None,
        scope.spec.process.id,
        owner.id if owner else None,
        scope.data,
        sorted(getattr(scope, "written", ())),
        tasks,
    ]


def unpack(state: bytes) -> dict[str, Any]:
    """Return the JSON inside. Raise `UnreadableState`."""
    try:
        unpacked = json.loads(zlib.decompress(state))
    except (zlib.error, ValueError) as error:
        raise UnreadableState(f"案件状态已损坏，无法读取：{error}。") from error
    if not isinstance(unpacked, dict) or unpacked.get("v") != _VERSION:
        raise UnreadableState("案件状态是由另一版本的程序保存的，无法读取。")
    return unpacked


def fill(case: Case, unpacked: dict[str, Any]) -> None:
    """Put a saved state into a new case. Raise `UnreadableState` when it does not fit the bundle."""
    case.last_id = unpacked["n"]
    case.cancelled = unpacked["c"]
    by_id: dict[str, Any] = {}
    for parent_id, process_id, owner, data, written, tasks in unpacked["s"]:
        spec = case.scope_spec(process_id, owner)
        if spec is None:
            raise UnreadableState(f"案件所在的部署中没有流程“{process_id}”的“{owner or process_id}”。")
        scope = case.top if parent_id is None else case.add_scope(by_id[parent_id], spec)
        scope.data = data
        if parent_id is not None:
            scope.written = set(written)
        for kept in tasks:
            task = _task(scope, kept)
            by_id[task.id] = task
    for task in by_id.values():
        if task._state == TaskState.READY:
            case.queue.append(task)


def _task(scope: Scope, kept: list[Any]) -> Any:
    task_id, parent_id, name, task_state, internal = kept
    spec = scope.spec.task_specs.get(name)
    if spec is None:
        raise UnreadableState(f"案件所在的部署中没有元素“{name}”。")
    task = LibraryTask(scope, spec, scope.tasks.get(parent_id), state=task_state, id=task_id)
    task.triggered = True
    task.internal_data = internal
    return task
