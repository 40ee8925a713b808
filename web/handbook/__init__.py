"""The handbook: what the procedures' files say, as pages a person can read. Generated, never written by hand.

Everything comes from the files of a bundle: diagrams, decision tables, forms and templates. No procedure is known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.deployments import Bundle
from web.handbook.parameters import parameter_page
from web.handbook.procedures import procedure_page

GENERATED = "<!-- 由 hejie handbook 生成；改流程文件，不改本页。 -->"
PROCEDURES = "procedures"


def pages(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return path -> Markdown for a bundle: `parameters.md` and `procedures/<process id>.md`.

    The files must be free of errors (`hejie check`); what cannot be read is left out.
    """
    bundle = Bundle.of(files)
    found = {"parameters.md": parameter_page(bundle)}
    for process in bundle.diagrams.values():
        found[f"{PROCEDURES}/{process.id}.md"] = procedure_page(bundle, process)
    return {path: f"{GENERATED}\n\n{text}" for path, text in found.items()}


def write(folder: Path, made: Mapping[str, str]) -> list[Path]:
    """Write the pages below `folder`, remove those of procedures that are no more; return what was changed."""
    changed = []
    for path, text in made.items():
        target = folder / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            changed.append(target)
    for page in sorted((folder / PROCEDURES).glob("*.md")):
        if f"{PROCEDURES}/{page.name}" not in made and page.read_text(encoding="utf-8").startswith(GENERATED):
            page.unlink()
            changed.append(page)
    return changed
