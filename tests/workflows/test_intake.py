"""What the tables of the front door propose, and that a chosen procedure gets what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.calendars import ChinaCalendar
from engine.deployments import Bundle
from engine.feel import Feel
from tests.web.office import Office, open_office
from web import bundles
from web.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = Bundle.of(bundles.collect(ROOT, ()))
PROCEDURES = [rule.outputs[0] for rule in BUNDLE.decisions.decisions["intake_procedures"].rules]
NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(ROOT / "bundles" / "feel.js", ChinaCalendar()) as feel:
        yield feel


def propose(feel: Feel, text: str, wished: list[str] | None = None, channel: str = "phone") -> Any:
    given = {"intake_text": text, "wished": wished or [], "channel": channel, "on_date": "2026-12-01"}
    return BUNDLE.decisions.evaluate("intake_proposal", given, feel=feel, now=NOW).value


@pytest.mark.parametrize(
    ("text", "wished", "kinds"),
    [
        ("微波炉坏了，要求换一台。", [], ["complaint"]),
        ("饭店没有执照，无证经营，请查处。", [], ["report"]),
        ("卖过期食品，我要举报，还要退款。", [], ["complaint", "report"]),
        ("我要举报这家店。", ["complaint"], ["complaint", "report"]),
        ("请问周末营业时间？", [], ["enquiry"]),
        ("请问你们为什么不给退款？", [], ["complaint"]),
        ("建议门口加一排座椅。", [], ["suggestion"]),
        ("感谢三楼的店员，服务很好。", [], ["praise"]),
        ("感谢三楼的店员，可是冰箱还是要退货。", [], ["complaint"]),
        ("", [], ["complaint"]),
        ("随便写几个字", ["praise"], ["praise"]),
    ],
)
def test_the_kind(feel: Feel, text: str, wished: list[str], kinds: list[str]) -> None:
    proposal = propose(feel, text, wished)
    assert proposal["kinds"] == kinds
    assert [route["kind"] for route in proposal["routes"]] == kinds  # complaint and report go their own ways
    assert proposal["mixed"] is ({"complaint", "report"} <= set(kinds))


def test_the_reasons_name_the_words_seen(feel: Feel) -> None:
    reasons = propose(feel, "烫伤住院，要求赔偿，不然找记者曝光。")["reasons"]
    assert "涉及人身伤害：写到“烫伤、住院”" in reasons
    assert any(reason.startswith("等级：") for reason in reasons)
    assert any(reason.startswith("程序：") for reason in reasons)


@pytest.mark.parametrize(
    ("text", "grade"),
    [("住院了", "urgent"), ("手被划伤", "urgent"), ("媒体曝光", "urgent"), ("转盘坏了", "general")],
)
def test_the_grade(feel: Feel, text: str, grade: str) -> None:
    assert propose(feel, text)["grade"] == grade


def test_every_proposed_procedure_can_be_chosen(feel: Feel) -> None:
    """A route names a procedure of the list, or none at all; the list names processes of the bundle."""
    offered = {option["value"] for option in propose(feel, "")["options"]}
    decision = BUNDLE.decisions.decisions["intake_routing"]
    column = [output.name for output in decision.outputs].index("process")
    assert {rule.outputs[column].strip('"') for rule in decision.rules} <= offered
    assert offered - {"direct"} <= set(BUNDLE.diagrams)
    units = {unit["value"] for unit in propose(feel, "")["units"]}
    assert {route["unit"] for route in propose(feel, "举报，退款")["routes"]} <= units


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("intake")
    with open_office(Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(folder)})) as opened:
        files = bundles.collect(ROOT, ())
        opened.house.casework.deploy(files, by="system", note="全部", check=lambda files: [])
        yield opened


TOLD = {
    "channel": "phone",
    "received_at": "2026-11-23T09:00:00+08:00",
    "complainant": {"name": "林雨", "phone": "13812345678"},
    "product": {"name": "一句话说的事", "supplier": "滨江某店", "price": "399.00"},
    "purchase": {"date": "2026-11-01", "place": "中山路"},
    "description": "来件人讲的经过。",
    "demand": "来件人的要求。",
}


@pytest.mark.parametrize("process_id", sorted({p.strip('"') for p in PROCEDURES}))
def test_a_chosen_procedure_asks_for_nothing_again(office: Office, process_id: str) -> None:
    """Its first form is filled in with what is known, the channel in its own words."""
    house = office.house
    key = house.casework.start_case("intake", TOLD, by="system").key
    route = {"kind": "complaint", "process": process_id, "unit": "客服部", "grade": "general"}
    [confirm] = office.open_tasks(key).values()
    house.casework.assign(confirm, "adam", by="adam")
    house.casework.complete_task(confirm, {"decision": "proceed", "routes": [route]}, by="adam")
    [first] = office.open_tasks(key).values()
    adam = house.identity.find("adam")
    assert adam is not None
    task = house.worklist.item(first, adam)
    assert task.process_id == process_id
    assert task.form is not None
    assert task.form_file is not None
    form = house.forms.get(task.form_file, task.form)
    filled = form.initial(task.variables)
    asked = {".".join(field.path) for field in form.fields}
    [named] = asked & {"complainant.name", "reporter.name", "petitioner.name"}
    known = {
        named: "林雨",
        "received_at": TOLD["received_at"],
        "description": TOLD["description"],
        "demand": TOLD["demand"],
        "request_detail": TOLD["demand"],
        "matter": "一句话说的事",
        "purchase.what": "一句话说的事",
        "product.name": "一句话说的事",
    }
    for path, value in known.items():
        if path in asked:
            found: Any = filled
            for step in path.split("."):
                found = found[step]
            assert found == value, path
    assert {"description", "received_at"} <= asked
    assert filled["channel"]  # a code of its own list: anything else would be left empty


@pytest.mark.parametrize(
    ("text", "channel", "routes"),
    [
        ("冰箱不制冷，要求退货", "phone", {"complaint": "retail_major"}),
        ("小区电梯坏了，物业没有人管，要求处理", "phone", {"complaint": "property_complaint"}),
        ("家里停电三天，供电所态度差", "hotline", {"complaint": "power_a"}),
        ("宽带上不了网，要求退费赔偿", "phone", {"complaint": "network_quality"}),
        ("话费多扣费，要求退款", "phone", {"complaint": "telecom_control"}),
        ("导游强制购物，要求退款", "web", {"complaint": "tourism"}),
        ("评标不公，围标串标，请查处", "letter", {"report": "procurement"}),
        ("商店卖假烟，举报", "phone", {"report": "tobacco"}),
        ("饭店用添加剂，举报；还要退款", "web", {"complaint": "retail_major", "report": "food_drug"}),
        ("我已打12315，要求市场监管局处理商场不退款", "web", {"complaint": "reg12315_handle"}),
        ("商场买的手机不退款，要求处理", "hotline", {"complaint": "district_amr"}),
        ("楼下占道经营、油烟扰民，要求处理", "phone", {"complaint": "urban_mgmt_center"}),
        ("请问营业时间", "phone", {"enquiry": "direct"}),
    ],
)
def test_the_procedure(feel: Feel, text: str, channel: str, routes: dict[str, str]) -> None:
    proposal = propose(feel, text, channel=channel)
    assert {route["kind"]: route["process"] for route in proposal["routes"]} == routes
