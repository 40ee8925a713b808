"""Reports: pages, the cases behind the numbers, the spreadsheet; who may see what."""

from __future__ import annotations

import re
from datetime import timedelta
from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook

from tests.engine.procedures import chain, end, file, lanes, process, properties, start, user
from tests.web.office import ROOT, Office, words

COUNTED = file(
    process(
        "counted",
        lanes(客服部="s register e"),
        start(),
        user("register"),
        end(),
        chain("s register e"),
        ext=properties(
            case_title="=title",
            case_complainant="=name",
            case_phone="13812345678",
            case_dimension_channel="=channel",
            case_dimension_outcome="=outcome",
            case_dimension_supplier="=supplier",
        ),
        name="计数",
    ),
    name="counted",
)


def targets(target: str) -> dict[str, bytes]:
    return {
        "workflows/counted_targets.dmn": f"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="指标" namespace="x">
  <decision id="counted_targets" name="指标"><decisionTable id="t" hitPolicy="COLLECT">
    <input id="i"><inputExpression id="ie" typeRef="string"><text>report</text></inputExpression></input>
    <output id="o1" name="name" typeRef="string"/><output id="o2" name="of" typeRef="string"/>
    <output id="o3" name="counted" typeRef="string"/><output id="o4" name="target" typeRef="number"/>
    <output id="o5" name="source" typeRef="string"/>
    <rule id="r"><inputEntry id="r1"><text>-</text></inputEntry>
      <outputEntry id="r2"><text>"调解成功率"</text></outputEntry>
      <outputEntry id="r3"><text>"outcome=mediated|terminated"</text></outputEntry>
      <outputEntry id="r4"><text>"outcome=mediated"</text></outputEntry>
      <outputEntry id="r5"><text>{target}</text></outputEntry>
      <outputEntry id="r6"><text>"年度考核"</text></outputEntry></rule>
  </decisionTable></decision></definitions>""".encode()
    }


MONTHLY = file(
    process(
        "counted_monthly",
        lanes(防损部="s read e"),
        start(),
        user("read"),
        end(),
        chain("s read e"),
        ext=properties(
            report_readers="防损部，店长",
            report_processes="counted",
            report_by="channel, outcome, supplier",
            report_targets="counted_targets",
        ),
        name="计数月报",
    ),
    name="counted_monthly",
)


@pytest.fixture
def counted(office: Office) -> Office:
    files = COUNTED | MONTHLY | targets("0.8")
    office.house.casework.deploy(files, by="system", check=lambda _: [])
    for number, (channel, outcome, supplier) in enumerate(
        [
            ("电话", "mediated", "甲公司"),
            ("电话", "mediated", "=2+5"),
            ("电话", "terminated", None),
            ("网站", None, "<b>乙</b>"),
        ]
    ):
        answers = {
            "title": f"第{number}件",
            "name": "林女士",
            "channel": channel,
            "outcome": outcome,
            "supplier": supplier,
        }
        office.house.casework.start_case("counted", answers, by="bob")
    return office


def address(page: str, text: str) -> str:
    [found] = re.findall(rf'<a [^>]*?href="([^"]+)"[^>]*>{text}</a>', page)[:1]
    return str(found).replace("&amp;", "&")


class TestPage:
    def test_every_number_opens_its_cases(self, counted: Office) -> None:
        audra = counted.client("audra")
        page = audra.get("/reports?report=counted_monthly")
        shown = words(page)
        assert "受理 4" in shown
        assert "电话 3 75.0%" in shown
        assert "调解成功 2 50.0%" in shown
        assert "调解成功率 66.7% 80.0% 未达到 2 / 3 年度考核" in shown
        cases = words(audra.get(address(page.text[page.text.index("调解成功率") :], "2")))
        assert "共 2 件" in cases
        assert "第0件" in cases
        assert "第2件" not in cases
        assert "13812345678" not in cases
        narrowed = words(audra.get(address(page.text, "网站")))
        assert "只看： 来源 ： 网站" in narrowed.replace("：网站", "： 网站").replace("来源：", "来源 ：")
        assert "受理 1" in narrowed

    def test_values_are_text(self, counted: Office) -> None:
        page = counted.client("audra").get("/reports").text
        assert "<b>乙</b>" not in page
        assert "&lt;b&gt;乙&lt;/b&gt;" in page
        assert " style=" not in page

    def test_periods(self, counted: Office) -> None:
        audra = counted.client("audra")
        for period, days in [
            ("day", "2026-11-23"),
            ("week", "2026-11-23 – 2026-11-29"),
            ("month", "2026-11-01 – 2026-11-30"),
            ("quarter", "2026-10-01 – 2026-12-31"),
        ]:
            page = audra.get(f"/reports?period={period}")
            assert days in words(page)
            earlier = audra.get(address(page.text, "上一期"))
            assert "受理 0 上期 0" in words(earlier)
            assert "受理 4" in words(audra.get(address(earlier.text, "下一期")))
        counted.clock.advance(timedelta(days=30))
        assert "受理 0 上期 4" in words(audra.get("/reports"))

    @pytest.mark.parametrize(
        "query",
        [
            "day=yesterday",
            "is=channel",
            "is=%3Dx",
            "day=0001-01-01&period=quarter",
            "day=9999-12-31&period=day",
            "is=" + "x" * 400 + "=1",
        ],
    )
    def test_nonsense_is_refused(self, counted: Office, query: str) -> None:
        for page in ("", "/cases", "/xlsx"):
            answer = counted.client("audra").get(f"/reports{page}?{query}")
            assert answer.status_code in (200, 400, 422)
            assert answer.status_code != 200 or "9999" in query or "=1" in query

    def test_a_changed_target_shows_after_a_deployment(self, counted: Office) -> None:
        counted.house.casework.deploy(targets("0.6"), by="system", check=lambda _: [])
        shown = words(counted.client("audra").get("/reports?report=counted_monthly"))
        assert "调解成功率 66.7% 60.0% 达到" in shown

    def test_the_common_targets_are_those_of_the_report_over_everything(self, counted: Office) -> None:
        path = "workflows/report_targets.dmn"
        counted.house.casework.deploy({path: (ROOT / path).read_bytes()}, by="system", check=lambda _: [])
        shown = words(counted.client("audra").get("/reports"))
        assert "调解成功率 66.7% 80.0% 未达到 2 / 3" in shown
        assert "咨询回复率 — 100.0% — 0 / 0" in shown

    def test_a_broken_table_is_said(self, counted: Office) -> None:
        broken = {path: data.replace(b'"outcome=mediated"', b'"mediated"') for path, data in targets("1").items()}
        counted.house.casework.deploy(broken, by="system", check=lambda _: [])
        assert "指标的条件“mediated”有误" in words(counted.client("audra").get("/reports?report=counted_monthly"))


class TestWho:
    def test_readers_named_by_the_report(self, counted: Office) -> None:
        charlie = counted.client("charlie")
        assert "报表" in words(charlie.get("/tasks"))
        assert "受理 4" in words(charlie.get("/reports"))
        assert "受理 4" in words(charlie.get("/reports?report=counted_monthly"))
        cases = words(charlie.get("/reports/cases?report=counted_monthly&period=month&day=2026-11-01"))
        assert "共 4 件" in cases
        assert "第0件" not in cases, "none of the cases concerns Charlie"

    def test_nobody_else(self, counted: Office) -> None:
        for username in ("anna", "olga"):
            client = counted.client(username)
            assert "报表" not in words(client.get("/tasks"))
            for page in ("/reports", "/reports/xlsx", "/reports/cases?period=month&day=2026-11-01"):
                assert client.get(page).status_code == 403

    def test_who_works_on_the_cases_sees_only_them(self, counted: Office) -> None:
        extended = {
            path: data.replace("防损部，店长".encode(), "防损部，店长，客服部".encode())
            for path, data in MONTHLY.items()
        }
        counted.house.casework.deploy(extended, by="system", check=lambda _: [])
        counted.clock.advance(timedelta(minutes=1))
        cases = words(counted.client("bob").get("/reports/cases?report=counted_monthly&period=month&day=2026-11-01"))
        assert "第0件" in cases
        assert counted.client("bob").get("/reports?report=other").status_code == 404


class TestSpreadsheet:
    def test_the_same_numbers_and_no_formula(self, counted: Office) -> None:
        answer = counted.client("adam").get("/reports/xlsx?report=counted_monthly")
        assert answer.status_code == 200
        assert "attachment" in answer.headers["Content-Disposition"]
        book = CalamineWorkbook.from_filelike(BytesIO(answer.data))
        assert book.sheet_names == ["概况", "指标", "来源", "处理结果", "供应商"]
        channel = book.get_sheet_by_name("来源").to_python()
        assert channel[1][:3] == ["电话", 3, 0.75]
        suppliers = [row[0] for row in book.get_sheet_by_name("供应商").to_python()]
        assert "=2+5" in suppliers, "as text, not as 7"
        assert b"<f>" not in answer.data
        kpi = book.get_sheet_by_name("指标").to_python()[1]
        assert kpi[:5] == ["调解成功率", 3, 2, 0.6667, 0.8]
