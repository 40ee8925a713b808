"""Diagrams, tables, forms and templates made to read what is not theirs or to use up the machine.

Each is laid over a small sound bundle and checked in a process of its own, whose time and memory are measured. Either
the check refuses it by name, or it is harmless; in both cases quickly, and without touching file or network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.engine import drawing as d
from tests.security.hostile.guard import SOUND, Cost, Guarded
from tests.security.hostile.traps import Traps, set_traps

BPMN = (SOUND / "workflows" / "repair.bpmn").read_text(encoding="utf-8")
DMN = (SOUND / "workflows" / "repair_grade.dmn").read_text(encoding="utf-8")
TEMPLATE = "documents/templates/repair_note"
PAGE = (SOUND / TEMPLATE / "template.html").read_text(encoding="utf-8")
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'

Files = Mapping[str, bytes]
Make = Callable[[Traps], Files]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with Guarded() as process:
        yield process


@pytest.fixture
def traps(tmp_path: Path) -> Iterator[Traps]:
    with set_traps(tmp_path) as traps:
        yield traps


def with_doctype(xml: str, doctype: str, *, encoding: str = "utf-8", entity: str = "&x;") -> bytes:
    """Put a document type before the root, and an entity into the first name."""
    body = xml.split("?>", 1)[1].replace('name="', f'name="{entity}', 1) if entity else xml.split("?>", 1)[1]
    return f'<?xml version="1.0" encoding="{encoding.removesuffix("-le")}"?>\n{doctype}\n{body}'.encode(encoding)


def laughs(depth: int = 9, width: int = 10) -> str:
    lines = ['<!ENTITY x0 "lol">']
    lines += [f'<!ENTITY x{n} "{f"&x{n - 1};" * width}">' for n in range(1, depth)]
    return f'<!DOCTYPE definitions [{"".join(lines)}<!ENTITY x "&x{depth - 1};">]>'


XML: dict[str, Callable[[str, Traps], bytes]] = {
    "file entity": lambda xml, t: with_doctype(xml, f'<!DOCTYPE d [<!ENTITY x SYSTEM "file://{t.file}">]>'),
    "http entity": lambda xml, t: with_doctype(xml, f'<!DOCTYPE d [<!ENTITY x SYSTEM "{t.url}/entity">]>'),
    "public entity": lambda xml, t: with_doctype(xml, f'<!DOCTYPE d [<!ENTITY x PUBLIC "x" "{t.url}/public">]>'),
    "parameter entity": lambda xml, t: with_doctype(
        xml, f'<!DOCTYPE d [<!ENTITY % p SYSTEM "{t.url}/parameter"> %p;]>', entity=""
    ),
    "outside subset": lambda xml, t: with_doctype(xml, f'<!DOCTYPE d SYSTEM "{t.url}/subset.dtd">', entity=""),
    "file subset": lambda xml, t: with_doctype(xml, f'<!DOCTYPE d SYSTEM "file://{t.file}">', entity=""),
    "doctype alone": lambda xml, t: with_doctype(xml, "<!DOCTYPE definitions>", entity=""),
    "doctype in UTF-16": lambda xml, t: (
        b"\xff\xfe" + with_doctype(xml, f'<!DOCTYPE d [<!ENTITY x SYSTEM "file://{t.file}">]>', encoding="utf-16-le")
    ),
    "doctype after a long comment": lambda xml, t: with_doctype(
        xml, f'<!--{"x" * 9000}--><!DOCTYPE d [<!ENTITY x SYSTEM "file://{t.file}">]>'
    ),
    "billion laughs": lambda xml, t: with_doctype(xml, laughs()),
    "laughs in an attribute's default": lambda xml, t: with_doctype(
        xml, laughs().replace("]>", '<!ATTLIST definitions evil CDATA "&x8;">]>'), entity=""
    ),
    "quadratic blowup": lambda xml, t: with_doctype(
        xml, f'<!DOCTYPE d [<!ENTITY x "{"A" * 50_000}">]>', entity="&x;" * 20_000
    ),
    "entity that contains itself": lambda xml, t: with_doctype(xml, '<!DOCTYPE d [<!ENTITY x "&x;">]>'),
    "deep": lambda xml, t: (HEAD + "<a>" * 100_000 + "</a>" * 100_000).encode(),
    "deep within": lambda xml, t: xml.replace(
        "</", "<extensionElements>" * 5000 + "</extensionElements>" * 5000 + "</", 1
    ).encode(),
    "cut off": lambda xml, t: xml[: len(xml) // 2].encode(),
    "many attributes": lambda xml, t: xml.replace(
        " id=", " " + " ".join(f'a{n}="1"' for n in range(60_000)) + " id=", 1
    ).encode(),
    "many namespaces": lambda xml, t: xml.replace(
        " id=", " " + " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(30_000)) + " id=", 1
    ).encode(),
    "one enormous name": lambda xml, t: xml.replace('name="', f'name="{"长" * 2_000_000}', 1).encode(),
    "bytes of no encoding": lambda xml, t: xml.replace('name="', 'name="\xff\xfe', 1).encode("latin-1", "replace"),
    "another encoding": lambda xml, t: xml.replace("UTF-8", "UTF-7", 1).encode(),
    "null bytes": lambda xml, t: xml.encode().replace(b'name="', b'name="\x00', 1),
    "half a pair": lambda xml, t: xml.replace('name="', 'name="&#xD800;', 1).encode(),
}
HARMLESS_XML = {
    "style sheet": lambda xml, t: xml.replace(
        "?>", f'?><?xml-stylesheet href="{t.url}/style.xsl" type="text/xsl"?>', 1
    ),
    "inclusion": lambda xml, t: xml.replace(
        "</", f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file://{t.file}" parse="text"/></', 1
    ),
    "schema elsewhere": lambda xml, t: xml.replace(
        " id=",
        f' xmlns:xsi2="http://www.w3.org/2001/XMLSchema-instance" xsi2:schemaLocation="x {t.url}/schema.xsd" id=',
        1,
    ),
    "import": lambda xml, t: xml.replace(
        "</", f'<import importType="http://www.w3.org/2001/XMLSchema" location="{t.url}/import" namespace="x"/></', 1
    ),
}


def refused(cost: Cost, path: str) -> set[str]:
    """Return the codes of what was found in the file; fail if there is nothing, or nothing is said."""
    found = [one for one in cost.answer if one[0].startswith(path)]
    assert found, cost.answer
    assert all(re.search(r"[\u4e00-\u9fff]", one[3]) and len(one[3]) < 2_000 for one in cost.answer)
    return {one[2] for one in found}


@pytest.mark.parametrize("name", XML)
@pytest.mark.parametrize("kind", ["bpmn", "dmn"])
def test_xml_is_refused(guarded: Guarded, traps: Traps, kind: str, name: str) -> None:
    path = {"bpmn": "workflows/repair.bpmn", "dmn": "workflows/repair_grade.dmn"}[kind]
    cost = guarded.check({path: XML[name]({"bpmn": BPMN, "dmn": DMN}[kind], traps)})
    if name not in ("one enormous name", "many attributes", "many namespaces", "bytes of no encoding"):
        assert refused(cost, path) & {"not-xml", "doctype", "not-bpmn", "not-dmn"}
    assert traps.sprung(cost) == []


@pytest.mark.parametrize("name", HARMLESS_XML)
@pytest.mark.parametrize("kind", ["bpmn", "dmn"])
def test_xml_that_points_elsewhere_stays_here(guarded: Guarded, traps: Traps, kind: str, name: str) -> None:
    path = {"bpmn": "workflows/repair.bpmn", "dmn": "workflows/repair_grade.dmn"}[kind]
    cost = guarded.check({path: HARMLESS_XML[name]({"bpmn": BPMN, "dmn": DMN}[kind], traps).encode()})
    assert traps.sprung(cost) == []


def wide(count: int) -> bytes:
    """A process of that many tasks in a row."""
    names = " ".join(["s", *(f"t{n}" for n in range(count)), "e"])
    tasks = "".join(d.script(f"t{n}", f"={n}", "v") for n in range(count))
    return d.diagram(d.process("wide", d.start() + tasks + d.end() + d.chain(names)))


def nested(depth: int) -> bytes:
    inside = d.user("t")
    for n in range(depth):
        inside = d.el("subProcess", f"p{n}", d.start(f"s{n}") + inside + d.end(f"e{n}"))
    return d.diagram(d.process("nested", d.start() + inside + d.end()))


def scripted(expression: str) -> bytes:
    return d.diagram(d.process("bomb", d.start() + d.script("a", expression, "v") + d.end() + d.chain("s a e")))


DIAGRAMS: dict[str, Callable[[], bytes]] = {
    "many elements": partial(wide, 3_000),
    "deep sub-processes": partial(nested, 200),
    "every task to every task": lambda: d.diagram(
        d.process(
            "knot",
            d.start() + "".join(d.user(f"t{n}") for n in range(60)) + d.end() + d.flow("s", "t0"),
            *(d.flow(f"t{a}", f"t{b}") for a in range(60) for b in range(60)),
        )
    ),
    "long expression": lambda: scripted("=" + "1+" * 400_000 + "1"),
    "deep expression": lambda: scripted("=" + "(" * 20_000 + "1" + ")" * 20_000),
    "deep lists": lambda: scripted("=" + "[" * 10_000 + "]" * 10_000),
    "many expressions": lambda: d.diagram(
        d.process("many", *(d.script(f"a{n}", f"={n} + missing{n}", "v") for n in range(1_500)))
    ),
    "ambiguous names": lambda: scripted("=" + "a b c d " * 2_000),
    "many cron fields": lambda: d.diagram(
        d.process(
            "c", d.start("s", d.timer("0 " + "*/1," * 50_000 + "1 * * * ?", "timeCycle")) + d.end() + d.chain("s e")
        )
    ),
    "many repetitions": lambda: d.diagram(
        d.process("c", d.start("s", d.timer("R999999999999/PT0.000001S", "timeCycle")) + d.end() + d.chain("s e"))
    ),
    "a period of ages": lambda: d.diagram(
        d.process("c", d.start("s", d.timer("P" + "9" * 400 + "Y", "timeDuration")) + d.end() + d.chain("s e"))
    ),
}


@pytest.mark.parametrize("name", DIAGRAMS)
def test_diagrams_cost_little(guarded: Guarded, name: str) -> None:
    guarded.check({"workflows/hostile.bpmn": DIAGRAMS[name]()})


def table(rules: str, *, inputs: int = 1) -> bytes:
    heads = "".join(
        f'<input id="i{n}"><inputExpression id="e{n}"><text>a</text></inputExpression></input>' for n in range(inputs)
    )
    return (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">'
        f'<decision id="huge" name="huge"><decisionTable id="t" hitPolicy="FIRST">{heads}<output id="o" name="v"/>'
        f"{rules}</decisionTable></decision></definitions>"
    ).encode()


def rule(n: int, *cells: str, out: str = "1") -> str:
    entries = "".join(f'<inputEntry id="c{n}_{m}"><text>{cell}</text></inputEntry>' for m, cell in enumerate(cells))
    return f'<rule id="r{n}">{entries}<outputEntry id="o{n}"><text>{out}</text></outputEntry></rule>'


TABLES: dict[str, Callable[[], bytes]] = {
    "many rules": lambda: table("".join(rule(n, str(n)) for n in range(10_000))),
    "many columns": lambda: table(rule(0, *["-"] * 3_000), inputs=3_000),
    "a long cell": lambda: table(rule(0, ",".join(map(str, range(200_000))))),
    "deep cells": lambda: table(rule(0, "not(" * 5_000 + "1" + ")" * 5_000)),
    "a large file": lambda: table("<!--" + "x" * 5_000_000 + "-->"),
    "a chain of decisions": (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">'
        + "".join(
            f'<decision id="c{n}" name="c{n}"><informationRequirement id="q{n}"><requiredDecision href="#c{n + 1}"/>'
            f'</informationRequirement><literalExpression id="l{n}"><text>1</text></literalExpression></decision>'
            for n in range(3_000)
        )
        + "</definitions>"
    ).encode,
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_cost_little(guarded: Guarded, name: str) -> None:
    guarded.check({"workflows/hostile.dmn": TABLES[name]()})


def form(*components: object, **more: object) -> bytes:
    content = {"type": "default", "id": "repair.hostile", "schemaVersion": 19, "components": components, **more}
    return json.dumps(content, ensure_ascii=False).encode()


def field(**attributes: object) -> dict[str, object]:
    return {"id": "f", "type": "textfield", "key": "k", "label": "l", **attributes}


def groups(depth: int) -> bytes:
    opened, closed = '{"id":"g","type":"group","components":[', "]}"
    return form("X").replace(b'"X"', (opened * depth + closed * depth).encode())


REFUSED_FORMS: dict[str, Callable[[Traps], bytes]] = {
    "not JSON": lambda t: b"{" * 100_000,
    "deep JSON": lambda t: b"[" * 100_000 + b"]" * 100_000,
    "deep groups": lambda t: groups(3_000),
    "a number of many digits": lambda t: form("X").replace(b'"X"', b"9" * 100_000),
    "look-around": lambda t: form(field(validate={"pattern": "(?=(a+)+$)b"})),
    "back-reference": lambda t: form(field(validate={"pattern": r"(a+)\1+$"})),
    "a pattern that unfolds": lambda t: form(field(validate={"pattern": "((a{1,900}){1,900}){1,900}"})),
    "script in HTML": lambda t: form({"id": "h", "type": "html", "content": "<script>alert(1)</script>"}),
    "handler in HTML": lambda t: form({"id": "h", "type": "html", "content": '<b onclick="alert(1)">x</b>'}),
    "picture in HTML": lambda t: form({"id": "h", "type": "html", "content": f'<img src="{t.url}/picture">'}),
    "style in HTML": lambda t: form({"id": "h", "type": "html", "content": f"<style>@import '{t.url}'</style>"}),
    "frame in HTML": lambda t: form({"id": "h", "type": "html", "content": f'<iframe src="{t.url}"></iframe>'}),
    "link that runs": lambda t: form({"id": "h", "type": "html", "content": '<a href="javascript:alert(1)">x</a>'}),
    "link that runs, hidden": lambda t: form(
        {"id": "h", "type": "html", "content": '<a href="java&#10;script:alert(1)">x</a>'}
    ),
    "unknown kind": lambda t: form(field(type="script")),
    "many components": lambda t: form(*(field(id=f"f{n}", key="k") for n in range(30_000))),
}
HARMLESS_FORMS: dict[str, Callable[[Traps], bytes]] = {
    "a slow pattern": lambda t: form(field(validate={"pattern": "^(a+)+$"})),
    "a slower pattern": lambda t: form(field(validate={"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"})),
    "long label": lambda t: form(field(label="长" * 1_000_000)),
    "names of objects": lambda t: form(field(key="__proto__.polluted"), field(id="g", key="constructor")),
    "doubled names": lambda t: form(field()).replace(b'"key": "k"', b'"key": "k", "key": "__proto__"'),
}


@pytest.mark.parametrize("name", REFUSED_FORMS)
def test_forms_are_refused(guarded: Guarded, traps: Traps, name: str) -> None:
    cost = guarded.check({"forms/repair/hostile.form": REFUSED_FORMS[name](traps)})
    refused(cost, "forms/repair/hostile.form")
    assert traps.sprung(cost) == []


@pytest.mark.parametrize("name", HARMLESS_FORMS)
def test_forms_cost_little(guarded: Guarded, traps: Traps, name: str) -> None:
    cost = guarded.check({"forms/repair/hostile.form": HARMLESS_FORMS[name](traps)})
    assert traps.sprung(cost) == []


def page(body: str) -> Files:
    return {f"{TEMPLATE}/template.html": PAGE.replace("</body>", f"{body}</body>").encode()}


REFUSED_TEMPLATES: dict[str, Make] = {
    "class walk": lambda t: page("{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    "globals of a function": lambda t: page("{{ item_name.__init__.__globals__ }}"),
    "by subscript": lambda t: page("{{ item_name['__class__'] }}"),
    "by filter": lambda t: page("{{ item_name|attr('__class__') }}"),
    "by format": lambda t: page("{{ '{0.__class__.__init__.__globals__}'.format(item_name) }}"),
    "by format map": lambda t: page("{{ '{a.__class__}'.format_map({'a': 1}) }}"),
    "cycler": lambda t: page("{{ cycler.__init__.__globals__.os.popen('id').read() }}"),
    "joiner": lambda t: page("{{ joiner.__init__.__globals__ }}"),
    "lipsum": lambda t: page("{{ lipsum.__globals__['os'] }}"),
    "self": lambda t: page("{{ self.__init__.__globals__ }}"),
    "config": lambda t: page("{{ config }}{{ request }}{{ url_for }}"),
    "safe": lambda t: page("{{ item_name|safe }}"),
    "autoescape": lambda t: page("{% autoescape false %}{{ item_name }}{% endautoescape %}"),
    "include a file": lambda t: page(f"{{% include '{t.file}' %}}"),
    "include upwards": lambda t: page("{% include '../../../../../../etc/passwd' %}"),
    "include by name": lambda t: page("{% include item_name %}"),
    "import Python": lambda t: page("{% import 'os' as os %}{{ os }}"),
    "write": lambda t: page(f"{{{{ open('{t.touch}', 'w') }}}}"),
    "picture of a file": lambda t: page(f'<img src="file://{t.file}">'),
    "picture from elsewhere": lambda t: page(f'<img src="{t.url}/picture">'),
    "picture by two slashes": lambda t: page(f'<img src="{t.url.removeprefix("http:")}/picture">'),
    "object": lambda t: page(f'<object data="file://{t.file}"></object>'),
    "embed": lambda t: page(f'<embed src="file://{t.file}">'),
    "frame": lambda t: page(f'<iframe src="{t.url}"></iframe>'),
    "base": lambda t: page(f'<base href="{t.url}/">'),
    "style sheet elsewhere": lambda t: page(f'<link rel="stylesheet" href="{t.url}/x.css">'),
    "attachment": lambda t: page(f'<link rel="attachment" href="file://{t.file}">'),
    "attachment by link": lambda t: page(f'<a rel="attachment" href="file://{t.file}">x</a>'),
    "script": lambda t: page("<script>app.alert(1)</script>"),
    "handler": lambda t: page('<p onclick="alert(1)">x</p>'),
    "inline style": lambda t: page(f'<p style="background: url({t.url}/inline)">x</p>'),
    "style element": lambda t: page(f"<style>p {{ background: url({t.url}/style) }}</style>"),
    "import of a style": lambda t: {f"{TEMPLATE}/style.css": f"@import '{t.url}/x.css';".encode()},
    "import in disguise": lambda t: {f"{TEMPLATE}/style.css": f"@\\69mport url('{t.url}/x.css');".encode()},
    "address in a style": lambda t: {f"{TEMPLATE}/style.css": f"p {{ background: url(file://{t.file}) }}".encode()},
    "address in disguise": lambda t: {f"{TEMPLATE}/style.css": f"p {{ background: u\\72l({t.url}/x) }}".encode()},
    "font": lambda t: {f"{TEMPLATE}/style.css": f"@font-face {{ font-family: x; src: url(file://{t.file}) }}".encode()},
    "drawing with a file": lambda t: page(f'<svg><image href="file://{t.file}" width="9" height="9"/></svg>'),
    "drawing with a use": lambda t: page(f'<svg><use xlink:href="{t.url}/use.svg#a"/></svg>'),
    "meta that is code": lambda t: {
        f"{TEMPLATE}/meta.yaml": f"title: !!python/object/apply:os.system ['touch {t.touch}']\nfacts: {{}}\n".encode()
    },
    "meta of anchors": lambda t: {
        f"{TEMPLATE}/meta.yaml": (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in pairwise("abcdefghi"))
            + "title: x\nfacts: *i\n"
        ).encode()
    },
    "meta too long": lambda t: {f"{TEMPLATE}/meta.yaml": b"title: " + b"x" * 3_000_000},
    "meta too deep": lambda t: {f"{TEMPLATE}/meta.yaml": b"title: x\nfacts: " + b"[" * 20_000 + b"]" * 20_000},
    "facts that refer to themselves": lambda t: {
        f"{TEMPLATE}/meta.yaml": b"title: x\nfacts: {type: object, $ref: '#/$defs/a', $defs: {a: {$ref: '#/$defs/a'}}}"
    },
    "facts elsewhere": lambda t: {
        f"{TEMPLATE}/meta.yaml": f"title: x\nfacts: {{$ref: '{t.url}/schema.json'}}\n".encode()
    },
    "sample too deep": lambda t: {f"{TEMPLATE}/sample.json": b'{"item_name":' * 50_000},
    "not UTF-8": lambda t: {f"{TEMPLATE}/template.html": b"\xff\xfe<html>"},
    "private characters": lambda t: page("\ue000"),
    "endless loop": lambda t: page("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
    "endless power": lambda t: page("{{ 9 ** (9 ** 9) }}"),
    "long string": lambda t: page("{{ 'x' * 9000000000 }}"),
    "doubling": lambda t: page(
        "{% set n = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}"
    ),
    "padding": lambda t: page("{{ '%0999999999d'|format(1) }}"),
    "centring": lambda t: page("{{ 'x'|center(999999999) }}"),
    "recursion": lambda t: page("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
    "includes itself": lambda t: page("{% include 'template.html' %}"),
    "deep blocks": lambda t: page("{% if 1 %}" * 400 + "{% endif %}" * 400),
    "deep brackets": lambda t: page("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}"),
}


@pytest.mark.parametrize("name", REFUSED_TEMPLATES)
def test_templates_are_refused(guarded: Guarded, traps: Traps, name: str) -> None:
    cost = guarded.check(REFUSED_TEMPLATES[name](traps))
    refused(cost, TEMPLATE)
    assert traps.sprung(cost) == []


HARMLESS_TEMPLATES: dict[str, Make] = {
    "a name of Python by map": lambda t: page("{{ ['x']|map(attribute='__class__')|list }}"),
    "markup in a fact": lambda t: {f"{TEMPLATE}/sample.json": b'{"item_name": "<img src=//evil/x>{{ 7*7 }}"}'},
    "an anchor": lambda t: page('<a href="#top">x</a>'),
}


@pytest.mark.parametrize("name", HARMLESS_TEMPLATES)
def test_templates_cost_little(guarded: Guarded, traps: Traps, name: str) -> None:
    assert traps.sprung(guarded.check(HARMLESS_TEMPLATES[name](traps))) == []


def test_the_next_check_is_as_before(guarded: Guarded) -> None:
    assert guarded.check({}).answer == []
