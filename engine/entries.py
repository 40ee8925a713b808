"""The ways in: which process takes in what the public, the mail box and a list of letters bring.

A process says so with the property `case_entry`, names separated by commas. It begins at its plain start event, whose
form is what the public fills in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.dialect import Process

if TYPE_CHECKING:  # the check reads this too, and knows no bundle
    from engine.deployments import Bundle

ENTRY_PROPERTY = "case_entry"
PUBLIC, EMAIL, IMPORT = "public", "email", "import"
ENTRIES = (PUBLIC, EMAIL, IMPORT)


def entries_of(process: Process) -> tuple[str, ...]:
    """Return the entries that lead to a process."""
    return tuple(name.strip() for name in process.properties.get(ENTRY_PROPERTY, "").split(",") if name.strip())


def entry_process(bundle: Bundle, entry: str) -> Process | None:
    """Return the process that takes in what comes by `entry`; None if there is none."""
    return next((process for process in bundle.diagrams.values() if entry in entries_of(process)), None)


IMPORT_FORM, IMPORT_REFERENCE = "case_import_form", "case_import_reference"
"""Process properties: the form that a row of an imported list is read by, its labels being the columns; and FEEL over
its answers for what tells one letter from another."""


def start_form(bundle: Bundle, process: Process) -> str | None:
    """Return the path of the form on the plain start event; None without one."""
    start = next((start for start in process.start_events if start.event.kind == "none"), None)
    form_id = process.elements[start.id].form_id if start is not None else None
    return bundle.forms.get(form_id) if form_id else None
