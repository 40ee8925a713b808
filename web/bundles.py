"""From folders to bundles: which files of a checkout are deployed, under which path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from engine.problems import Problem

PATTERNS = ("workflows/*.bpmn", "workflows/*.dmn", "forms/*/*.form", "documents/templates/*/*")
"""What belongs to a bundle, seen from the folder that holds `workflows/`, `forms/` and `documents/`."""


def collect(root: Path, paths: Sequence[Path], *, alone: bool = False) -> dict[str, bytes]:
    """Return path -> content.

    Without `paths`: what lies in `root`. With them: a folder that holds `workflows/` is a bundle of its own; single
    files and other folders are laid over the files of `root`, or taken by themselves if `alone`.
    """
    own_layout = [path for path in paths if path.is_dir() and (path / "workflows").is_dir()]
    files: dict[str, bytes] = {} if alone or own_layout else _folder(root)
    for path in paths:
        if path in own_layout:
            files |= _folder(path)
        else:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    files[bundle_path(file)] = file.read_bytes()
    return files


def bundle_path(file: Path) -> str:
    """Return where `file` belongs in a bundle, by its ending and its folders."""
    if file.suffix in {".bpmn", ".dmn"}:
        return f"workflows/{file.name}"
    if file.suffix == ".form":
        return f"forms/{file.resolve().parent.name}/{file.name}"
    return f"documents/templates/{file.resolve().parent.name}/{file.name}"


def only(problems: Iterable[Problem], root: Path, paths: Sequence[Path]) -> list[Problem]:
    """Return the problems of the files that `paths` name; all of them without `paths`."""
    named = set(collect(root, paths, alone=True))
    return [problem for problem in problems if not paths or problem.file in named]


def _folder(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for pattern in PATTERNS
        for path in sorted(root.glob(pattern))
        if path.is_file()
    }
