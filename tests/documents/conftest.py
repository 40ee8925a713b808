"""What the tests of documents share: the templates, their variants, and a renderer in this process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from documents.render import PlainRenderer, template_files

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "documents" / "templates"
VARIANTS = Path(__file__).parent / "variants"
NAMES = sorted(path.name for path in TEMPLATES.iterdir() if path.name != "_shared")
ISSUED_AT = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)


def patched(facts: Any, patch: Any) -> Any:
    """Return `facts` with a JSON merge patch (RFC 7396) applied: null takes a fact away."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(facts) if isinstance(facts, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = patched(merged.get(key), value)
    return merged


def samples() -> list[Any]:
    """Return (template, facts) of every sample and every variant of it, with its name as the test's id."""
    cases = []
    for name in NAMES:
        sample = json.loads((TEMPLATES / name / "sample.json").read_text())
        cases.append(pytest.param(name, sample, id=name))
        for path in sorted((VARIANTS / name).glob("*.json")):
            cases.append(pytest.param(name, patched(sample, json.loads(path.read_text())), id=f"{name}-{path.stem}"))
    return cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `template_name` runs once a template; with `facts`, once a sample and variant."""
    if {"template_name", "facts"} <= set(metafunc.fixturenames):
        metafunc.parametrize(("template_name", "facts"), samples())
    elif "template_name" in metafunc.fixturenames:
        metafunc.parametrize("template_name", NAMES)


@pytest.fixture(scope="session")
def renderer() -> PlainRenderer:
    return PlainRenderer()


@pytest.fixture
def issued_at() -> datetime:
    return ISSUED_AT


@pytest.fixture
def files() -> Callable[[str], dict[str, bytes]]:
    return lambda name: template_files(TEMPLATES, name)


@pytest.fixture
def sample() -> Callable[[str], dict[str, Any]]:
    return lambda name: json.loads((TEMPLATES / name / "sample.json").read_text())


@pytest.fixture
def toy() -> Callable[..., dict[str, bytes]]:
    """A template of one page and no facts but its own; files given by name replace or add."""

    def make(page: str = "<p>{{ note }}</p>", **more: str) -> dict[str, bytes]:
        meta = (
            "title: 便条\nseries: '{org}-BT-{yyyymm}-{seq:04}'\nsigners: [经办人]\ncopies: 一份\n"
            "facts:\n  type: object\n  required: [document, note]\n  properties:\n"
            "    document:\n      type: object\n"
            "      properties: {number: {type: string}, case_number: {type: string}}\n"
            "    note: {type: string, description: 正文}\n"
        )
        made = {
            "template.html": f'<!DOCTYPE html><html lang="zh-CN"><body>{page}</body></html>',
            "style.css": "",
            "meta.yaml": meta,
            "sample.json": '{"document": {"number": "HS-BT-202611-0001"}, "note": "样例"}',
        }
        made |= {name.replace("__", "."): text for name, text in more.items()}
        return {name: text.encode() for name, text in made.items()}

    return make


@pytest.fixture
def text_of(tmp_path: Path) -> Callable[[bytes], str]:
    """The text of a PDF as pdftotext gives it, without white space: lines break where the page ends."""

    def read(pdf: bytes) -> str:
        path = tmp_path / "read.pdf"
        path.write_bytes(pdf)
        text = subprocess.run(["pdftotext", "-enc", "UTF-8", path, "-"], check=True, capture_output=True).stdout
        return "".join(text.decode().split())

    return read
