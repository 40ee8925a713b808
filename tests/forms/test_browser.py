"""The server reads what form-js submits in a real browser: the same fields, values and objections."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from engine.feel import Feel
from forms import Form, compile_form, tree
from forms.components import path_text

from .conftest import NOW, form_file
from .random_forms import RandomForm

SEEDS = range(80)
OURS = sorted(Path("forms").glob("*/*.form"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    script = tmp_path_factory.mktemp("browser") / "forms.js"
    command = ["node_modules/.bin/esbuild", "tests/forms/browser.mjs", "--bundle", f"--outfile={script}"]
    subprocess.run([*command, "--format=iife", "--log-level=warning"], check=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(timezone_id="Asia/Shanghai", locale="zh-CN")
        tab.goto("about:blank")
        tab.add_script_tag(path=script)
        yield tab
        browser.close()


def submit(page: Page, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = page.evaluate("cases => window.submitAll(cases)", cases)
    return results


def comparable(value: Any) -> Any:
    """Spell numbers one way, as the server does with numbers as text; leave out what is empty."""
    if isinstance(value, dict):
        inner = {key: comparable(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one not in (None, {}, [])}
    if isinstance(value, list):
        return [comparable(one) if one is not None else {} for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    return float(value) if re.fullmatch(r"-?\d+(\.\d+)?", str(value)) else value


SAID_OF_LOCKED_TOO = ("Field is required.", "Field must have minimum value", "Field must have maximum value")


def doubtful(form: Form, result: dict[str, Any]) -> set[str]:
    """Return the fields that form-js alone objects to: how a locked value is spelt; nobody could mend it."""
    locked = {field.path for field in form.fields if field.readonly}
    return {
        path_text(one["path"])
        for one in result["wrong"]
        if tuple("*" if isinstance(step, int) else step for step in one["path"]) in locked
        and not any(message.startswith(SAID_OF_LOCKED_TOO) for message in one["messages"])
    }


def objections(result: dict[str, Any]) -> set[str]:
    return {path_text(one["path"]) for one in result["wrong"]}


def without(data: dict[str, Any], paths: set[str]) -> dict[str, Any]:
    copy: dict[str, Any] = tree.copy(data)
    for path in paths:
        tree.remove(copy, [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)])
    return copy


def test_random_forms_read_alike(page: Page, feel: Feel) -> None:
    examples = [RandomForm(seed) for seed in SEEDS]
    files = [form_file(*example.components) for example in examples]
    cases = [{"schema": json.loads(file), "data": one.data} for file, one in zip(files, examples, strict=True)]
    for seed, (file, example, result) in enumerate(
        zip(files, examples, submit(page, cases), strict=True), start=SEEDS.start
    ):
        form = compile_form("forms/toy/task.form", file, feel)
        reading = form.read(result["submitted"], example.data, now=NOW)
        context = f"seed {seed}: {file.decode()} {example.data}"
        ours, theirs, only_theirs = set(reading.errors), objections(result), doubtful(form, result)
        assert ours - only_theirs == theirs - only_theirs, context
        answers, submitted = (without(data, ours | theirs) for data in (reading.answers, result["submitted"]))
        assert comparable(answers) == comparable(submitted), context


def test_our_forms_start_and_object_alike(page: Page, feel: Feel) -> None:
    assert OURS
    forms = [compile_form(str(path), path.read_bytes(), feel) for path in OURS]
    cases = [{"schema": form.document, "data": form.initial({})} for form in forms]
    for form, result in zip(forms, submit(page, cases), strict=True):
        assert result["initial"] == form.initial({}), form.file
        assert set(form.read(result["submitted"], {}, now=NOW).errors) == objections(result), form.file
