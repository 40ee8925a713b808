"""The front door for everybody: what a stranger may bring and ask, and what they are not told."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.web.office import ROOT, Browser, Office, open_office, words
from web import bundles
from web.pages import public
from web.settings import Settings

STORY = {
    "wished_kinds": ["complaint"],
    "complainant": {"name": "林雨", "phone": "13812345678", "email": ""},
    "product": {"name": "燃气灶打不着火"},
    "purchase": {"place": "中山路店"},
    "description": "上周买的燃气灶打不着火，打电话没有人接。",
    "demand": "退货退款。",
    "consent": True,
}


def settings(folder: Path, **environ: str) -> Settings:
    return Settings.from_environ(
        {"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(folder), "HEJIE_PUBLIC": "1", **environ}
    )


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(settings(tmp_path)) as opened:
        files = {path: data for path, data in bundles.collect(ROOT, ()).items() if "/intake" in path}
        opened.house.casework.deploy(files, by="system", note="全部", check=lambda files: [])
        opened.people.add("rita", "受理", "long-enough-2026", ["受理岗"], by="system")
        yield opened


def bring(browser: Browser, **answers: Any) -> Any:
    headers = {"Accept": "application/json"}
    return browser.post("/public/complaint", {"answers": json.dumps({**STORY, **answers})}, headers=headers)


def brought(browser: Browser, **answers: Any) -> str:
    """Bring a matter and return its number, as the page shows it."""
    answer = bring(browser, **answers)
    assert answer.json == {"location": "/public/received"}, answer.text
    page = browser.get("/public/received").text
    return page.partition('hj-public-number"><strong>')[2].partition("<")[0]


def ask(browser: Browser, number: str, phone: str = "13812345678") -> Any:
    return browser.post("/public/status", {"number": number, "phone": phone})


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "JPEG")
    return out.getvalue()


def upload(browser: Browser, content: bytes, name: str = "票据.jpg") -> Any:
    return browser.post("/public/attachments", {"file": (io.BytesIO(content), name)})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/public/complaint"),
        ("post", "/public/complaint"),
        ("post", "/public/attachments"),
        ("get", "/public/received"),
        ("get", "/public/status"),
        ("post", "/public/status"),
    ],
)
def test_the_door_is_shut_unless_opened(tmp_path: Path, method: str, path: str) -> None:
    with open_office(settings(tmp_path, HEJIE_PUBLIC="0")) as opened:
        assert getattr(opened.client(), method)(path).status_code == 404


def test_a_door_that_leads_nowhere_is_shut(tmp_path: Path) -> None:
    with open_office(settings(tmp_path)) as opened:
        assert opened.client().get("/public/complaint").status_code == 404


def test_what_is_brought_waits_for_the_registrar(office: Office) -> None:
    browser = office.client()
    assert "我要反映" in browser.get("/public/complaint").text
    file = upload(browser, picture()).json
    number = brought(browser, evidence=[file])
    assert number.startswith("HJ-LJ-")
    rita = office.house.identity.find("rita")
    assert rita is not None
    view = office.house.worklist.case_by_number(number, rita)
    assert (view.case.complainant, view.case.started_by_name) == ("林雨", "公众")
    assert [item.element_id for item in view.items if item.state == "CREATED"] == ["confirm"]
    assert [str(one.key) for one in view.attachments] == [file["key"]]
    assert view.variables["channel"] == "web"
    assert view.variables["proposal"]["kinds"] == ["complaint"]
    page = office.client("rita").get(f"/tasks/{office_task(office, number)}").text
    assert "打不着火" in page
    assert "相似来件" in page


def office_task(office: Office, number: str) -> int:
    rita = office.house.identity.find("rita")
    assert rita is not None
    view = office.house.worklist.case_by_number(number, rita)
    return next(item.key for item in view.items if item.state == "CREATED" and item.kind == "user_task")


def test_what_is_missing_is_named_at_its_field(office: Office) -> None:
    answer = bring(office.client(), consent=False, complainant={"name": "", "phone": "12"})
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"consent", "complainant.name", "complainant.phone"}


def test_variables_of_ours_cannot_be_slipped_in(office: Office) -> None:
    number = brought(office.client(), proposal={"grade": "urgent"}, routes=[], case={"number": "X"}, channel="aic")
    rita = office.house.identity.find("rita")
    assert rita is not None
    variables = office.house.worklist.case_by_number(number, rita).variables
    assert variables["channel"] == "web"
    assert variables["case"]["number"] == number
    assert variables["proposal"]["grade"] == "general"


def test_what_fills_in_the_hidden_field_is_a_machine(office: Office) -> None:
    browser = office.client()
    before = office.house.worklist.search("", person(office, "audra"))
    data = {"answers": json.dumps(STORY), public.TRAP: "http://example.com"}
    assert browser.post("/public/complaint", data).status_code == 303
    assert office.house.worklist.search("", person(office, "audra")) == before


def test_a_page_sent_again_after_a_lost_answer_is_taken_in_once(office: Office) -> None:
    browser, headers = office.client(), {"Accept": "application/json"}
    pages = [browser.get("/public/complaint").text for _ in range(2)]
    once = [page.partition('name="once" value="')[2].partition('"')[0] for page in pages]
    assert len(set(once)) == 2
    before = len(office.house.worklist.search("", person(office, "audra")))
    for number, sent in enumerate((once[0], once[0], once[1])):
        data = {"answers": json.dumps(STORY | {"evidence": []}), "once": sent}
        assert browser.post("/public/complaint", data, headers=headers).json == {"location": "/public/received"}
        cases = office.house.worklist.search("", person(office, "audra"))
        assert len(cases) == before + (1 if number < 2 else 2)
        assert cases[0].number in browser.get("/public/received").text


def person(office: Office, username: str) -> Any:
    found = office.house.identity.find(username)
    assert found is not None
    return found


def test_files_of_strangers(office: Office) -> None:
    browser, other = office.client(), office.client()
    file = upload(browser, picture()).json
    assert bring(other, evidence=[file]).status_code == 400  # another browser's file
    assert other.get(f"/attachments/{file['key']}").status_code == 302  # and nobody may look at it
    assert upload(browser, b"MZ\x90 not a picture", "x.jpg").status_code == 422
    assert upload(browser, b"plain words", "x.txt").status_code == 422
    assert upload(browser, b"\xff\xd8\xff" + b"0" * public.UPLOAD_LIMIT, "x.jpg").status_code == 413
    answers = [upload(browser, picture()).status_code for _ in range(public.MOST_FILES)]
    assert answers == [201] * (public.MOST_FILES - 1) + [422]


def test_too_much_from_one_address(office: Office) -> None:
    browser = office.client()
    for _ in range(10):
        assert bring(browser).status_code == 200
    refused = bring(office.client())
    assert refused.status_code == 429
    assert "分钟" in refused.json["error"]
    office.clock.advance(timedelta(minutes=61))
    assert bring(browser).status_code == 200


def test_where_it_stands(office: Office) -> None:
    browser = office.client()
    number = brought(browser)
    page = words(ask(browser, f" {number.lower()} ", "138 1234 5678"))
    assert "办理中" in page
    assert "正在核对，准备交给承办部门" in page
    assert "最晚答复" in page
    routes = [{"kind": "complaint", "process": "direct", "unit": "客服部", "grade": "general"}]
    answers = {"decision": "proceed", "routes": routes, "changed_reason": "内部说明：老顾客"}
    office.house.casework.complete_task(office_task(office, number), answers, by="rita")
    page = words(ask(browser, number))
    assert "承办部门正在准备答复" in page
    for internal in ("老顾客", "客服部", "林雨", "受理岗", "燃气灶"):
        assert internal not in page
    task = next(key for key in open_tasks(office, number).values())
    office.house.casework.complete_task(task, {"answer": {"way": "answered", "text": "已退款"}}, by="bob")
    page = words(ask(browser, number))
    assert "已办结" in page
    assert "最晚答复" not in page


def open_tasks(office: Office, number: str) -> dict[str, int]:
    return office.open_tasks(office.house.worklist.case_by_number(number, person(office, "audra")).case.key)


def test_a_wrong_pair_says_nothing(office: Office) -> None:
    browser = office.client()
    number = brought(browser)
    refund = office.house.worklist.case(office.register(), person(office, "audra")).case.number
    said = set()
    for wrong, phone in ((number, "13800000000"), ("HJ-LJ-209901-00001", "13812345678"), (refund, "13812345678")):
        answer = ask(office.client(), wrong, phone)
        assert answer.status_code == 422
        said.add(words(answer).replace(wrong, ""))
    assert ask(office.client(), number, "").status_code == 422
    assert len(said) == 1


def test_the_phone_of_a_case_cannot_be_guessed(office: Office) -> None:
    number = brought(office.client())
    for guess in range(5):
        assert ask(office.client(), number, f"1380000000{guess}").status_code == 422
    answer = ask(office.client(), number)
    assert answer.status_code == 429
    assert "办理中" not in words(answer)


def test_a_merged_case_tells_no_number_of_the_other(office: Office) -> None:
    browser = office.client()
    main, duplicate = brought(browser), brought(browser)
    key = office.house.worklist.case_by_number(duplicate, person(office, "rita")).case.key
    office.house.casework.merge_case(key, main, "同一件事", by="rita")
    page = words(ask(browser, duplicate))
    assert "与另一件来件合并办理" in page
    assert main not in page


def test_a_case_taken_up_again_is_found_by_its_first_number(office: Office) -> None:
    browser = office.client()
    number = brought(browser)
    office.house.casework.complete_task(
        office_task(office, number), {"decision": "close", "close_reason": "顾客撤回"}, by="rita"
    )
    assert "已办结" in words(ask(browser, number))
    key = office.house.worklist.case_by_number(number, person(office, "rita")).case.key
    office.house.casework.reopen_case(key, "顾客又来电", by="rita")
    assert "办理中" in words(ask(browser, number))


def test_nobody_is_called_public(office: Office) -> None:
    assert office.client().sign_in("public", "").status_code == 422
    refused = office.client("adam").post("/people", {"username": "public", "display_name": "某人"})
    assert refused.status_code == 422
