"""The ways in, and the processes that tables choose, are checked before they are deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.check import contents, entries
from engine.deployments import Bundle
from engine.entries import entry_process, start_form
from web import bundles

FILES = bundles.collect(Path(__file__).resolve().parents[2], ())
DIAGRAM, TABLE = "workflows/intake.bpmn", "workflows/intake_routing.dmn"


def findings(path: str, old: str, new: str) -> set[str]:
    text = FILES[path].decode()
    assert old in text
    read = contents.read({**FILES, path: text.replace(old, new, 1).encode()})
    entries.check(read)
    return {problem.code for problem in read.problems}


def test_the_files_are_whole() -> None:
    assert findings(DIAGRAM, "<", "<") == set()


@pytest.mark.parametrize(
    ("path", "old", "new", "code"),
    [
        (DIAGRAM, "public, email, import", "public, e-mail", "entry-unknown"),
        (DIAGRAM, "public, email, import", "email, email", "entry-taken"),
        (DIAGRAM, '<zeebe:formDefinition formId="intake.public_complaint" />', "", "entry-without-form"),
        (DIAGRAM, "intake_procedures.process", "intake_procedures.procedure", "column-not-found"),
        (DIAGRAM, "intake_procedures.process", "intake_procedure.process", "column-not-found"),
        (TABLE, '<text>"retail_major"</text>', '<text>"retail_mayor"</text>', "process-not-found"),
    ],
)
def test_what_is_wrong_is_named(path: str, old: str, new: str, code: str) -> None:
    assert code in findings(path, old, new)


def test_an_entry_leads_to_one_process_and_its_form() -> None:
    bundle = Bundle.of(FILES)
    process = entry_process(bundle, "public")
    assert process is not None
    assert start_form(bundle, process) == "forms/intake/public_complaint.form"
    assert entry_process(bundle, "pigeon") is None
