"""A template folder is read with suspicion: it is somebody's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from documents.errors import TemplateFails, TemplateInvalid
from documents.template import Template, digest

Toy = Callable[..., dict[str, bytes]]


def fill(files: dict[str, bytes], **facts: Any) -> str:
    return Template.read(files).html({"note": "正文", "document": {}, **facts})


@pytest.mark.parametrize(
    "page",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ note.__init__.__globals__ }}",
        "{{ self.__dict__ }}",
        "{{ document.__class__ }}",
        "{{ ('%s' | format).__class__ }}",
        "{{ '{0.__class__}'.format(note) }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ lipsum.__globals__ }}",
        "{{ note | attr('__class__') }}",
        "{{ range(10**9) | list }}",
        "{{ document.update({'a': 1}) }}",
        "{{ [].append(1) }}",
    ],
)
def test_a_template_cannot_reach_out_of_its_facts(toy: Toy, page: str) -> None:
    with pytest.raises(TemplateFails):
        fill(toy(page))


@pytest.mark.parametrize("page", ["{{ note | safe }}", "{% autoescape false %}{{ note }}{% endautoescape %}"])
def test_escaping_cannot_be_switched_off(toy: Toy, page: str) -> None:
    with pytest.raises(TemplateFails):
        fill(toy(page), note="<b>")


def test_markup_in_facts_is_text(toy: Toy) -> None:
    page = fill(toy("{{ note }}{{ note | sentence }}{{ note | lines }}"), note="<img src=file:///etc/passwd>&")
    assert "<img" not in page
    assert page.count("&lt;img") == 3


def test_facts_called_like_methods_are_facts(toy: Toy) -> None:
    assert "铁锅" in fill(toy("{% for one in note.items %}{{ one }}{% endfor %}"), note={"items": ["铁锅"]})


def test_an_unknown_fact_stops_with_file_and_line(toy: Toy) -> None:
    with pytest.raises(TemplateFails, match=r"template.html 第 3 行.*没有的事实") as caught:
        fill(toy("\n\n{{ nobody }}"))
    assert caught.value.line == 3


def test_an_optional_fact_not_given_is_never_printed_as_none(toy: Toy) -> None:
    with pytest.raises(TemplateFails, match="要印出的事实没有给出"):
        fill(toy("{{ note }}"), note=None)


def test_only_the_folders_own_pages_can_be_used(toy: Toy) -> None:
    for name in ("../secret.html", "/etc/passwd", "meta.yaml", "other.html"):
        with pytest.raises(TemplateFails, match="没有名为"):
            fill(toy("{% include '" + name + "' %}"))
    assert "共用" in fill(toy("{% include '_shared/a.html' %}", **{"_shared/a__html": "共用"}))


@pytest.mark.parametrize(
    ("meta", "cause"),
    [
        ("title: [", "不是正确的 YAML"),
        ("- a", "最外层"),
        ("a: &x [1]\nb: *x", "锚点"),
        ("title: 便条", "缺少 facts"),
        ("facts: {}", "缺少 title"),
        ("title: 便条\nfacts: {}\nsigners: 甲方", "signers 应当是清单"),
        ("title: 便条\nfacts: {type: objekt}", "JSON Schema"),
        ("title: 便条\nfacts: {}\nx: " + "a" * 300_000, "超过"),
    ],
)
def test_bad_meta_data_are_named(toy: Toy, meta: str, cause: str) -> None:
    with pytest.raises(TemplateInvalid, match=cause):
        Template.read(toy(meta__yaml=meta))


def test_a_file_that_is_not_text_is_named(toy: Toy) -> None:
    with pytest.raises(TemplateInvalid, match="不是 UTF-8"):
        Template.read({**toy(), "meta.yaml": b"\xff\xfe"})
    with pytest.raises(TemplateInvalid, match="缺少这个文件"):
        Template.read({"meta.yaml": b""})


def test_the_digest_tells_files_apart_whatever_their_order() -> None:
    assert digest({"a": b"1", "b": b"2"}) == digest({"b": b"2", "a": b"1"})
    assert digest({"a": b"1", "b": b"2"}) != digest({"a": b"12", "b": b""})
    assert digest({"a": b"1"}) != digest({"b": b"1"})
