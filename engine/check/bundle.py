"""The check of a whole bundle, joined from its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from engine.check import contents as reading
from engine.check import diagrams, entries, tables, usage, variables
from engine.check.contents import SHARED, TEMPLATES, Contents
from engine.check.diagrams import Verb
from engine.feel import Feel
from engine.problems import Problem

FormChecker = Callable[[str, bytes], Iterable[Problem]]
"""Path and content of a form -> what is wrong with it."""

TemplateChecker = Callable[[str, Mapping[str, bytes]], Iterable[Problem]]
"""Path of a template's folder and its files (shared ones as `_shared/<name>`) -> what is wrong with it."""


def check_bundle(
    files: Mapping[str, bytes],
    *,
    feel: Feel,
    form_checker: FormChecker,
    template_checker: TemplateChecker,
    operations: Mapping[str, Verb],
) -> list[Problem]:
    """Return everything wrong with `files` (path in the bundle -> content), sorted, each finding once.

    `operations` are the verbs by their job type. Never raises for content. Problems with severity "error"
    make a bundle undeployable.
    """
    contents = reading.read(files)
    diagrams.check(contents, feel, operations)
    entries.check(contents)
    tables.check(contents, feel)
    variables.check(contents, feel)
    usage.check(contents)
    for path, content in sorted(files.items()):
        if path.endswith(".form") and reading.LAYOUT.fullmatch(path):
            contents.problems += form_checker(path, content)
    _check_templates(contents, template_checker)
    return sorted({_on_one_line(problem) for problem in contents.problems})


def _on_one_line(problem: Problem) -> Problem:
    """A library's own words, quoted in a message, may come with line breaks."""
    return replace(problem, message=" ".join(problem.message.split()))


def _check_templates(contents: Contents, template_checker: TemplateChecker) -> None:
    for name, template in contents.templates.items():
        folder = f"{TEMPLATES}{name}"
        for problem in template_checker(folder, template.files):
            # What is wrong with a shared file is found with every template that uses it, but is one thing.
            path = problem.file.replace(f"{folder}/{SHARED}/", f"{TEMPLATES}{SHARED}/")
            contents.problems.append(replace(problem, file=path))
