"""Deliberately broken templates: each gives its named finding, with the file and the place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from documents import Finding, check

Toy = Callable[..., dict[str, bytes]]
META = "title: 便条\nsigners: [经办人]\ncopies: 一份\n"
SERIES = "series: '{org}-BT-{yyyymm}-{seq:04}'\n"
NOTE = "facts: {type: object, required: [note], properties: {note: {type: string, description: 正文}}}\n"

BROKEN = [
    ("unknown-fact", "template.html", "第1行", {"page": "<p>{{ nobody }}</p>"}),
    ("unknown-fact", "template.html", "第3行", {"page": "\n\n{% if document.colour or note %}{% endif %}"}),
    ("template-syntax", "template.html", "第2行", {"page": "\n{% if note %}"}),
    ("template-syntax", "template.html", "第1行", {"page": "{{ note | moneyy }}"}),
    ("template-syntax", "template.html", "第1行", {"page": "{{ note is coloured }}"}),
    ("template-syntax", "template.html", "第1行", {"page": "{{ note | safe }}"}),
    (
        "template-syntax",
        "template.html",
        "第1行",
        {"page": "{% autoescape false %}{{ note }}{% endautoescape %}"},
    ),
    ("reference-missing", "template.html", "第1行", {"page": "{% include '_shared/nothing.html' %}"}),
    ("computed-reference", "template.html", "第1行", {"page": "{% include note %}"}),
    ("forbidden-url", "template.html", "第1行", {"page": "<img src='file:///etc/passwd'>{{ note }}"}),
    ("forbidden-url", "template.html", "第1行", {"page": "<img src=http://example.org/a.png>{{ note }}"}),
    ("forbidden-url", "style.css", "第2行", {"style__css": "\np { background: url(https://example.org/a) }"}),
    ("forbidden-url", "style.css", "第2行", {"style__css": "\np { background: url('a.png') }"}),
    (
        "forbidden-url",
        "style.css",
        "第1行",
        {"style__css": "@page { @top-left { content: url(file:///a) } }"},
    ),
    ("style-import", "style.css", "第1行", {"style__css": "@import 'a.css';"}),
    ("style-import", "style.css", "第1行", {"style__css": "@font-face { font-family: x; src: local(x) }"}),
    ("style-syntax", "style.css", "第1行", {"style__css": "p { color: red } }"}),
    ("script", "template.html", "第1行", {"page": "<script>alert(1)</script>"}),
    ("script", "template.html", "第1行", {"page": "<p onclick='a()'>{{ note }}</p>"}),
    ("embedding", "template.html", "第1行", {"page": "<iframe></iframe>"}),
    ("private-character", "template.html", "第1行", {"page": "\ue000"}),
    ("private-character", "meta.yaml", "第1行", {"meta__yaml": f"title: \ue000\n{SERIES}{NOTE}"}),
    ("meta-invalid", "meta.yaml", "", {"meta__yaml": "title: ["}),
    ("meta-invalid", "meta.yaml", "", {"meta__yaml": META + SERIES}),
    ("meta-invalid", "meta.yaml", "", {"meta__yaml": META + SERIES + "facts: {$ref: '#/$defs/nobody'}"}),
    ("series-missing", "meta.yaml", "series", {"meta__yaml": META + NOTE}),
    ("series-without-seq", "meta.yaml", "series", {"meta__yaml": META + "series: '{org}-BT'\n" + NOTE}),
    ("series-field", "meta.yaml", "series", {"meta__yaml": META + "series: '{city}-{seq:04}'\n" + NOTE}),
    (
        "signers-missing",
        "meta.yaml",
        "signers",
        {"meta__yaml": "title: 便条\ncopies: 一份\n" + SERIES + NOTE},
    ),
    ("copies-missing", "meta.yaml", "copies", {"meta__yaml": "title: 便条\nsigners: [甲]\n" + SERIES + NOTE}),
    (
        "layout-missing",
        "meta.yaml",
        "layout",
        {"meta__yaml": META + SERIES + NOTE + "layout: _shared/a.html"},
    ),
    (
        "confidence-missing",
        "meta.yaml",
        "legal_basis",
        {"meta__yaml": META + SERIES + NOTE + "legal_basis: [{text: 某法第一条}]"},
    ),
    ("sample-invalid", "sample.json", "", {"sample__json": "{"}),
    ("sample-invalid", "sample.json", "", {"sample__json": "[]"}),
    ("sample-facts", "sample.json", "note", {"sample__json": '{"document": {}}'}),
    ("sample-facts", "sample.json", "note", {"sample__json": '{"document": {}, "note": 7}'}),
    ("sample-fails", "template.html", "", {"page": "{{ note | money }}"}),
]


@pytest.mark.parametrize(("code", "file", "element", "broken"), BROKEN)
def test_a_broken_template_gives_its_finding(
    toy: Toy, code: str, file: str, element: str, broken: dict[str, str]
) -> None:
    found = [one for one in check(toy(**broken)) if one.code == code]
    assert [(one.file, one.element) for one in found] == [(file, element)]
    assert found[0].message.endswith("。")


@pytest.mark.parametrize(
    ("missing", "code", "severity"),
    [
        ("template.html", "template-missing", "error"),
        ("meta.yaml", "meta-missing", "error"),
        ("sample.json", "sample-missing", "error"),
        ("style.css", "style-missing", "warning"),
    ],
)
def test_a_missing_file_is_named(toy: Toy, missing: str, code: str, severity: str) -> None:
    files = toy()
    del files[missing]
    assert [(one.file, one.code, one.severity) for one in check(files)] == [(missing, code, severity)]


def test_a_file_that_is_not_text_is_named(toy: Toy) -> None:
    found = check({**toy(), "template.html": b"\xff\xfe\xfa"})
    assert [(one.file, one.code) for one in found] == [("template.html", "not-utf8")]


def test_a_good_template_has_no_findings(toy: Toy) -> None:
    assert check(toy()) == []


def test_images_within_the_file_are_allowed(toy: Toy) -> None:
    page = "<img alt='点' src='data:image/png;base64,AAAA'>{{ note }}"
    assert check(toy(page, style__css="p { background: url(data:image/png;base64,AAAA) }")) == []


def test_an_empty_folder_is_answered_not_raised() -> None:
    assert {one.code for one in check({})} >= {"template-missing", "meta-missing", "sample-missing"}


def test_findings_are_plain_values() -> None:
    assert Finding("a", "b", "c", "d").severity == "error"
