"""The check of a whole bundle, joined from what each room knows to check."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import documents
from engine.check import check_bundle
from engine.feel import Feel
from engine.operations import Operation
from engine.problems import Problem
from forms import FormInvalid, compile_form

CheckBundle = Callable[[Mapping[str, bytes]], list[Problem]]


def checker(feel: Feel, operations: Mapping[str, Operation]) -> CheckBundle:
    """Return the check: path -> content in, everything wrong with them and between them out."""

    def check_form(path: str, content: bytes) -> list[Problem]:
        try:
            compile_form(path, content, feel)
        except FormInvalid as error:
            return [Problem(path, one.element_id, one.code, one.message) for one in error.problems]
        return []

    def check_template(folder: str, files: Mapping[str, bytes]) -> list[Problem]:
        return [
            Problem(f"{folder}/{one.file}", one.element, one.code, one.message, one.severity)
            for one in documents.check(files)
        ]

    def check(files: Mapping[str, bytes]) -> list[Problem]:
        return check_bundle(
            files, feel=feel, form_checker=check_form, template_checker=check_template, operations=operations
        )

    return check
