"""A list of letters: all of it or nothing, each letter once, and every mistake named by line and column."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.casework.errors import Invalid
from engine.casework.receiving import Matter
from tests.web.office import ROOT, Office, open_office
from web import bundles, letters
from web.cli import main
from web.settings import Settings

SAMPLE = (ROOT / "docs/letters.csv").read_text(encoding="utf-8")
HEAD, FIRST, SECOND = SAMPLE.splitlines()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("letters")
    with open_office(Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(folder)})) as opened:
        files = {path: data for path, data in bundles.collect(ROOT, ()).items() if "/intake" in path}
        opened.house.casework.deploy(files, by="system", note="受理", check=lambda files: [])
        yield opened


def read(office: Office, *lines: str, encoding: str = "utf-8") -> letters.Reading:
    return letters.read(office.house, "letters.csv", "\n".join(lines).encode(encoding))


def count(office: Office) -> int:
    auditor = office.house.identity.find("audra")
    assert auditor is not None
    return len(office.house.worklist.search("", auditor, limit=500))


def test_the_sample_is_taken_in_once(office: Office) -> None:
    before = count(office)
    reading = read(office, SAMPLE)
    assert reading.wrong == ()
    received = letters.take_in(office.house, reading, by="system")
    assert [each.new for each in received] == [True, True]
    assert count(office) == before + 2
    again = letters.take_in(office.house, read(office, SAMPLE), by="system")
    assert [(each.new, each.case.number) for each in again] == [(False, each.case.number) for each in received]
    assert count(office) == before + 2
    auditor = office.house.identity.find("audra")
    assert auditor is not None
    view = office.house.worklist.case_by_number(received[0].case.number, auditor)
    assert (view.case.complainant, view.case.product) == ("林雨", "燃气灶打不着火")
    assert view.variables["channel"] == "aic"
    assert view.variables["received_at"] == "2026-11-23T09:30:00+08:00"
    assert view.variables["product"]["price"] == "1299.00"
    assert view.variables["answer_due"].startswith("2026-12-0")  # what the authority asks for
    assert [item.element_id for item in view.items if item.state == "CREATED"] == ["confirm"]


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        (2, "市场监管部门", "火星", "第2行“来函机关”：没有“火星”这一项"),
        (2, "2026-11-23 09:30", "昨天", "第2行“收到时间”：“昨天”不是日期"),
        (2, "2026-11-16", "2026-02-30", "第2行“发生日期”：“2026-02-30”不是日历上的日子"),
        (2, "13812345678", "138", "第2行“电话”："),
        (2, "1299.00", "很多", "第2行“涉及金额”："),
        (3, "20261123-0457", "", "第3行“文号或工单号”："),
        (1, "涉及单位", "涉嫌单位", "第1行“涉嫌单位”：不认识这一列"),
        (1, "姓名", "", "第1行“姓名”：缺少这一列"),
    ],
)
def test_every_mistake_is_named(office: Office, line: int, old: str, new: str, said: str) -> None:
    lines = [HEAD, FIRST, SECOND]
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    reading = read(office, *lines)
    assert any(str(wrong).startswith(said) for wrong in reading.wrong), [str(wrong) for wrong in reading.wrong]
    assert reading.matters == ()  # nothing of it is taken in


def test_the_same_letter_twice_in_a_list(office: Office) -> None:
    [wrong] = read(office, HEAD, FIRST, SECOND, FIRST).wrong
    assert str(wrong).startswith("第4行：与第2行是同一份来函")


def test_lists_of_chinese_spreadsheets(office: Office) -> None:
    assert read(office, SAMPLE, encoding="gb18030").wrong == ()
    assert read(office, SAMPLE, encoding="utf-8-sig").wrong == ()
    assert len(read(office, HEAD, FIRST, "," * 13, SECOND).matters) == 2  # an empty row is none


def workbook(*rows: list[Any]) -> bytes:
    """Return the smallest XLSX of these rows, numbers as numbers."""

    def cell(value: Any) -> str:
        if isinstance(value, int | float):
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rels = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    body = "".join(f"<row>{''.join(cell(value) for value in row)}</row>" for row in rows)
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{rels}"><Relationship Id="r1" Type="{office}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{rels}"><Relationship Id="r1" Type="{office}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in parts.items():
            book.writestr(name, text)
    return out.getvalue()


def test_a_workbook(office: Office) -> None:
    row: list[Any] = FIRST.split(",")
    row[HEAD.split(",").index("电话")] = 13812345678
    reading = letters.read(office.house, "来函.xlsx", workbook(HEAD.split(","), row))
    assert reading.wrong == ()
    [matter] = reading.matters
    assert matter.variables["complainant"]["phone"] == "13812345678"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.xlsx", b"PK\x03\x04 no workbook"),
        ("x.csv", b"\xff\xfe\x00"),
        ("x.csv", b""),
        ("x.csv", HEAD.encode()),
        ("x.csv", b'"never closed'),
    ],
)
def test_what_is_no_list(office: Office, name: str, content: bytes) -> None:
    with pytest.raises(letters.ListRefused):
        letters.read(office.house, name, content)


def test_nothing_is_half_imported(office: Office) -> None:
    """A letter that the house refuses takes the others with it."""
    before = count(office)
    fine = Matter({"description": "好的"}, "A 1")
    with pytest.raises(Invalid):
        office.house.casework.take_in_all("import", [fine, Matter({"case": {}}, "A 2")], by="system", origin="test")
    assert count(office) == before
    assert office.house.casework.taken_in("test", "A 1") is None


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEJIE_ROOT", str(ROOT))
    monkeypatch.setenv("HEJIE_DATA_DIR", str(tmp_path))
    file = tmp_path / "letters.csv"
    file.write_text(SAMPLE, encoding="utf-8")
    assert CliRunner().invoke(main, ["import", str(file)]).exit_code == 1  # nothing deployed yet
