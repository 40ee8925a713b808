"""The renderer in its own processes: same bytes, rare characters, limits that hold, strangers kept out."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from documents import errors
from documents.render import PdfRenderer, PlainRenderer

Toy = Callable[..., dict[str, bytes]]
Files = Callable[[str], dict[str, bytes]]
Sample = Callable[[str], dict[str, Any]]
TextOf = Callable[[bytes], str]
FACTS: dict[str, Any] = {"document": {"number": "HS-BT-202611-0001"}, "note": "正文"}

IN_A_FRESH_PROCESS = """
import hashlib, json, sys
from datetime import datetime
from pathlib import Path
from documents.render import PlainRenderer, template_files
templates, name, issued_at = Path(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3])
facts = json.loads((templates / name / "sample.json").read_text())
pdf = PlainRenderer().render(template_files(templates, name), facts, issued_at=issued_at, draft=False).pdf
print(hashlib.sha256(pdf).hexdigest())
"""


@pytest.fixture(scope="module")
def printer() -> Iterator[PdfRenderer]:
    with PdfRenderer(workers=1, time_limit=timedelta(seconds=60)) as printing:
        yield printing


@pytest.fixture(scope="module")
def strict() -> Iterator[PdfRenderer]:
    """Three seconds and 600 MiB: enough for a document even on a busy machine, not for a bomb."""
    with PdfRenderer(workers=1, time_limit=timedelta(seconds=3), memory_limit_bytes=600 * 1024 * 1024) as printing:
        yield printing


def test_the_same_facts_give_the_same_bytes_everywhere(
    printer: PdfRenderer,
    renderer: PlainRenderer,
    files: Files,
    sample: Sample,
    issued_at: datetime,
) -> None:
    """In one process and another, twice, after other documents, whatever the hash seed and the time zone."""
    name = "settlement_agreement"
    facts = sample(name)
    printer.render(files("receipt"), sample("receipt"), issued_at=issued_at, draft=False)
    digests = {
        hashlib.sha256(one.render(files(name), facts, issued_at=issued_at, draft=False).pdf).hexdigest()
        for one in (printer, renderer, printer)
    }
    templates = Path(__file__).parents[2] / "documents" / "templates"
    for seed, zone in (("1", "America/New_York"), ("4711", "Asia/Shanghai")):
        run = subprocess.run(
            [sys.executable, "-c", IN_A_FRESH_PROCESS, templates, name, issued_at.isoformat()],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(templates.parents[1])},
            check=True,
            capture_output=True,
            text=True,
        )
        digests.add(run.stdout.strip())
    assert len(digests) == 1


def test_facts_in_another_order_give_the_same_bytes(printer: PdfRenderer, toy: Toy, issued_at: datetime) -> None:
    one, other = ({**FACTS, "a": 1, "b": 2}, {"b": 2, "a": 1, **dict(reversed(FACTS.items()))})
    first = printer.render(toy(), one, issued_at=issued_at, draft=False)
    assert printer.render(toy(), other, issued_at=issued_at, draft=False) == first


@pytest.mark.parametrize("name", ["林䶮", "陈𠮷安", "㐂田", "𬭎𰻞", "葛󠄀城", "欧阳娜·买买提"])
def test_rare_characters_come_back_exactly(
    printer: PdfRenderer, toy: Toy, issued_at: datetime, text_of: TextOf, name: str
) -> None:
    rendered = printer.render(toy(), {**FACTS, "note": name}, issued_at=issued_at, draft=False)
    visible = "".join(character for character in name if not 0xE0100 <= ord(character) < 0xE01F0)
    assert visible in text_of(rendered.pdf).replace("󠄀", "")


def test_a_character_without_a_glyph_is_named(printer: PdfRenderer, toy: Toy, issued_at: datetime) -> None:
    with pytest.raises(errors.MissingGlyph, match=r"“正文”里的字符“🥢”（U\+1F962）没有字体可以印出"):
        printer.render(toy(), {**FACTS, "note": "筷子🥢"}, issued_at=issued_at, draft=False)
    with pytest.raises(errors.MissingGlyph, match="文书正文"):
        printer.render(toy("&#x1F962;{{ note }}"), FACTS, issued_at=issued_at, draft=False)


def test_a_missing_fact_is_named_before_anything_is_printed(
    printer: PdfRenderer, files: Files, sample: Sample, issued_at: datetime
) -> None:
    facts = sample("settlement_agreement")
    del facts["compensation"]["total"]
    with pytest.raises(errors.MissingFact, match="缺少事实“赔偿总额”") as caught:
        printer.render(files("settlement_agreement"), facts, issued_at=issued_at, draft=False)
    assert caught.value.path == "compensation.total"
    assert caught.value.permanent


def test_a_document_needs_its_number_and_a_draft_does_not(
    printer: PdfRenderer, toy: Toy, issued_at: datetime, text_of: TextOf
) -> None:
    facts = {"document": {"case_number": "1"}, "note": "正文"}
    with pytest.raises(errors.MissingFact, match="文书编号"):
        printer.render(toy(), facts, issued_at=issued_at, draft=False)
    assert "草稿" in text_of(printer.render(toy(), facts, issued_at=issued_at, draft=True).pdf)


def test_a_template_cannot_take_the_watermark_off(
    printer: PdfRenderer, toy: Toy, issued_at: datetime, text_of: TextOf
) -> None:
    hiding = toy(style__css="html::before { content: none !important; display: none !important }")
    assert "草稿" in text_of(printer.render(hiding, FACTS, issued_at=issued_at, draft=True).pdf)


def test_a_preview_shows_what_is_missing(
    printer: PdfRenderer, template_name: str, files: Files, issued_at: datetime, text_of: TextOf
) -> None:
    text = text_of(printer.preview(files(template_name), {}, issued_at=issued_at).pdf)
    assert "［缺少：" in text
    assert {"预", "览"} <= set(text)


@pytest.mark.parametrize(
    "page",
    [
        '<img src="file:///etc/passwd">',
        '<img src="http://127.0.0.1:1/a.png">',
        '<img src="//127.0.0.1/a.png"><base href="http://127.0.0.1/">',
        '<link rel="stylesheet" href="file:///etc/passwd">',
        '<object data="file:///etc/passwd"></object>',
        '<style>@import "file:///etc/passwd";</style>',
        "<style>@import url(http://127.0.0.1:1/a.css);</style>",
        "<style>p { background: url(file:///etc/passwd) }</style><p>一</p>",
        '<svg width="9" height="9"><image href="file:///etc/passwd" width="9" height="9"/></svg>',
        "<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>"
        "<image href='file:///etc/passwd' width='9' height='9'/></svg>\">",
    ],
)
def test_nothing_is_read_from_disk_or_network(strict: PdfRenderer, toy: Toy, issued_at: datetime, page: str) -> None:
    with pytest.raises(errors.ForbiddenResource, match="不得引用外部资源"):
        strict.render(toy(page), FACTS, issued_at=issued_at, draft=False)


def test_files_cannot_be_attached(strict: PdfRenderer, toy: Toy, issued_at: datetime) -> None:
    page = '<link rel="attachment" href="file:///etc/passwd"><p>{{ note }}</p>'
    rendered = strict.render(toy(page), FACTS, issued_at=issued_at, draft=False)
    with pikepdf.open(io.BytesIO(rendered.pdf)) as pdf:
        assert list(pdf.attachments) == ["facts.json"]


def test_a_font_file_cannot_be_read_either(strict: PdfRenderer, toy: Toy, issued_at: datetime) -> None:
    style = "@font-face { font-family: x; src: url(file:///etc/passwd) } p { font-family: x }"
    with pytest.raises(errors.ForbiddenResource):
        strict.render(toy(style__css=style), FACTS, issued_at=issued_at, draft=False)


def test_images_within_the_template_are_welcome(strict: PdfRenderer, toy: Toy, issued_at: datetime) -> None:
    dot = (
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
        "awAAAABJRU5ErkJggg=="
    )
    page = f'<img alt="点" src="{dot}"><p>{{{{ note }}}}</p>'
    assert strict.render(toy(page), FACTS, issued_at=issued_at, draft=False).pages == 1


@pytest.mark.parametrize(
    "page",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 9 ** (9 ** 9) }}",
        "<table>{% for a in range(30000) %}<tr><td>一<td>二<td>三{% endfor %}</table>",
        "{% for a in range(2500) %}<div>{% endfor %}一",
        "{% for a in range(99000) %}字字字字字字字字字字字字字字字字字字字字字字字字字{% endfor %}",
        "{{ 'x' * 9000000000 }}",
        "{% set n = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
        "{% for a in range(400) %}<p style='break-before: page'>{{ note }}</p>{% endfor %}",
    ],
    ids=["loops", "power", "table", "depth", "length", "string", "doubling", "pages"],
)
def test_bombs_end_within_the_limits_and_the_next_document_is_printed(
    strict: PdfRenderer, toy: Toy, issued_at: datetime, page: str
) -> None:
    started = time.monotonic()
    with pytest.raises(errors.DocumentError) as caught:
        strict.render(toy(page), FACTS, issued_at=issued_at, draft=False)
    assert time.monotonic() - started < 20
    assert isinstance(
        caught.value,
        (errors.TimeLimitReached, errors.DocumentTooLarge, errors.TemplateFails, errors.RendererStopped),
    )
    assert strict.render(toy(), FACTS, issued_at=issued_at, draft=False).pages == 1


def test_a_process_that_dies_is_replaced(strict: PdfRenderer, toy: Toy, issued_at: datetime) -> None:
    strict.render(toy(), FACTS, issued_at=issued_at, draft=False)
    process = strict._idle.get()  # the only place that knows the process
    assert process is not None
    process._process.kill()
    process._process.wait()
    strict._idle.put(process)
    assert strict.render(toy(), FACTS, issued_at=issued_at, draft=False).pages == 1


def test_processes_end_with_their_renderer(toy: Toy, issued_at: datetime) -> None:
    with PdfRenderer() as printing:
        printing.render(toy(), FACTS, issued_at=issued_at, draft=False)
        process = printing._idle.get()
        printing._idle.put(process)
        assert process is not None
        assert process._process.poll() is None
    assert process._process.poll() is not None


def test_many_threads_share_the_processes(toy: Toy, issued_at: datetime) -> None:
    pdfs: list[bytes] = []

    def ask(number: int) -> None:
        facts = {**FACTS, "note": f"第{number % 2}件"}
        pdfs.append(printing.render(toy(), facts, issued_at=issued_at, draft=False).pdf)

    with PdfRenderer(workers=2) as printing:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(pdfs) == 12
    assert len(set(pdfs)) == 2


def test_errors_survive_the_way_between_processes() -> None:
    error = errors.MissingFact(name="金额", path="a.b")
    again = errors.from_json(json.loads(json.dumps(error.to_json())))
    assert (type(again), again.message, again.path) == (errors.MissingFact, error.message, "a.b")
    assert isinstance(errors.from_json({"error": "Exception", "facts": {}}), errors.RendererStopped)


def test_a_naive_time_is_refused(printer: PdfRenderer, toy: Toy) -> None:
    with pytest.raises(ValueError, match="aware"):
        printer.render(toy(), FACTS, issued_at=datetime(2026, 1, 1), draft=False)  # noqa: DTZ001 - the refused case


def test_missing_fonts_are_named(tmp_path: Path) -> None:
    with pytest.raises(errors.FontsMissing, match=r"Nowhere\.ttf"):
        PdfRenderer(fonts=[tmp_path / "Nowhere.ttf"])
