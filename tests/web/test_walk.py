"""S01 by hand: from signing in to the archived case, through the pages of a real server, with the real clock."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from engine.calendars import ChinaCalendar
from engine.clock import SHANGHAI
from engine.feel import Feel
from tests.web import walking
from tests.web.office import ROOT
from tests.web.walking import Evaluate, Filler, People
from web.scenarios import Scenario

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

pytestmark = pytest.mark.xdist_group("browser")  # one Chromium at a time


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout without its scenarios: the demo then has its people, and no cases but ours."""
    root = tmp_path_factory.mktemp("root")
    for name in ("forms", "documents", "web", "node_modules", "organization.yaml"):
        (root / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "bundles", root / "bundles")
    shutil.copytree(ROOT / "workflows", root / "workflows", ignore=shutil.ignore_patterns("*.scenario.json"))
    return root


@pytest.fixture(scope="module")
def address(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`hejie serve --demo`, as `make run` calls it."""
    folder = tmp_path_factory.mktemp("data")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environ = os.environ | {"HEJIE_ROOT": str(root), "HEJIE_DATA_DIR": str(folder), "PORT": str(port)}
    log = folder / "log.txt"
    with log.open("wb") as out:
        command = [str(Path(sys.executable).with_name("hejie")), "serve", "--demo"]
        process = subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.STDOUT)
        try:
            until = monotonic() + 120
            while "和解已启动" not in log.read_text(encoding="utf-8"):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert monotonic() < until, log.read_text(encoding="utf-8")
                sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            code = process.wait(60)
    assert code == 0, log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def evaluate(root: Path) -> Iterator[Evaluate]:
    with Feel(root / "bundles" / "feel.js", ChinaCalendar()) as feel:
        yield lambda expression, data: feel.evaluate(expression, data, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def people(chromium: Browser, address: str) -> Iterator[People]:
    people = People(chromium, address)
    yield people
    people.leave()
    assert people.complaints == []


@pytest.fixture
def scenario() -> Scenario:
    return walking.beginning_today(ROOT / "workflows" / "retail_injury.scenario.json", datetime.now(SHANGHAI).date())


@pytest.fixture
def registration(scenario: Scenario) -> Mapping[str, Any]:
    return next(step["answers"] for step in scenario.steps if step["task"] == "register")


class Walk:
    """One case, taken through the pages step by step, each step by the person of its lane."""

    def __init__(self, people: People, scenario: Scenario, folder: Path, evaluate: Evaluate) -> None:
        self.people = people
        self.names = walking.task_names(ROOT / "workflows")
        self.folder = folder
        self.evaluate = evaluate
        self.number = walking.start(self.at(scenario.start["by"]), scenario.process)

    def at(self, lane: str) -> Page:
        return self.people.at(walking.username_of(lane))

    def take(self, step: Mapping[str, Any]) -> None:
        """Take the task where the last one led, or from the work list; fill its form, submit, see where that leads."""
        page = self.at(step["as"])
        name = page.get_by_role("heading", level=1).inner_text()
        if name not in self.names[step["task"]]:
            name = walking.open_task(page, self.people.address, self.names[step["task"]], self.number)
        assert Filler(page, self.folder, self.evaluate).fill(step["answers"]) == [], name
        walking.go_on(page)
        expect(page.locator(".hj-flash")).to_contain_text(f"“{name}”已完成")
        if page.url != f"{self.people.address}/tasks":
            expect(page.locator(".hj-crumbs")).to_contain_text(self.number)  # the next task of this case

    def open_case(self, page: Page) -> None:
        """Look for the case by its number; a single one found opens at once."""
        page.get_by_role("searchbox", name="查案件").fill(self.number)
        page.keyboard.press("Enter")
        page.wait_for_url("**/cases/*")


def test_the_injury_complaint_by_hand(people: People, scenario: Scenario, evaluate: Evaluate, tmp_path: Path) -> None:
    walk = Walk(people, scenario, tmp_path, evaluate)
    for step in scenario.steps:
        walk.take(step)
        if step["task"] == "agreement_terms":
            look_at_the_agreement(walk)
    page = walk.at("客服部")
    walk.open_case(page)
    expect(page.locator(".hj-state-completed").first).to_be_visible()
    ready = page.locator(".hj-document", has=page.locator(".hj-state-ready"))
    expect(ready).to_have_count(len(scenario.expect["documents"]))


def look_at_the_agreement(walk: Walk) -> None:
    """The agreement arrives on the case's page while one looks, is shown there, and says what was agreed."""
    page = walk.at("客服部")
    walk.open_case(page)
    agreement = page.locator(".hj-document", has_text="和解协议")
    expect(agreement).to_contain_text("可查看", timeout=walking.PATIENCE)
    if agreement.get_attribute("open") is None:
        agreement.locator("summary").click()
    shown = agreement.locator("iframe")
    expect(shown).to_be_visible()
    shown.scroll_into_view_if_needed()
    source = f"{walk.people.address}{shown.get_attribute('src')}"
    text = walking.words_of(page, source, walk.folder)
    for words in ("林知远", "330102198703124511", "苏婉清", "陈静", "嵌入式燃气灶", "石英石台面", "油烟机"):
        assert words in text
    for amount in ("4,286.30", "3,780.00", "2,680.00", "1,599.20", "¥12,345.50"):
        assert amount in text
    assert "人民币壹万贰仟叁佰肆拾伍元伍角" in text
    assert "6222021202001234567" in text

    page.reload()  # the case has moved on while we looked
    page.wait_for_selector("[data-behaviour=diagram][data-ready=retail_major]")
    assert page.locator(".hj-finished[data-element-id=register]").count() == 1
    expect(page.locator(".djs-overlays .hj-badge-current").first).to_have_text("进行中")
    page.get_by_role("tab", name="赔偿与和解").click()
    page.wait_for_selector("[data-behaviour=diagram][data-ready=retail_settlement]")
    for finished in ("prepare_statement", "review_statement", "propose_settlement", "agreement_terms"):
        assert page.locator(f".hj-finished[data-element-id={finished}]").count() == 1
    assert page.locator(".hj-current[data-element-id=pay]").count() == 1
    assert page.locator(".hj-finished[data-element-id=pay]").count() == 0


def test_a_refused_answer_costs_no_other_word(
    people: People, registration: Mapping[str, Any], evaluate: Evaluate, tmp_path: Path
) -> None:
    page = people.at("linxiaoyu")
    walking.start(page, "retail_major")
    wrong = registration | {"complainant": registration["complainant"] | {"phone": "打不通的号码"}}
    Filler(page, tmp_path, evaluate).fill(wrong)
    walking.submit(page)

    summary = page.locator("#error-summary")
    expect(summary).to_contain_text("有 1 处需要更正", timeout=walking.PATIENCE)
    phone = walking.field(page, "Group_complainant_Field_complainant_phone")
    error = page.locator(".fjs-form-field", has=phone).locator(".fjs-form-field-error")
    expect(error).to_contain_text("号码")
    summary.get_by_role("link").click()
    expect(phone).to_be_focused()
    expect(phone).to_have_value("打不通的号码")
    stands_as_typed(page, registration)
    phone.fill(registration["complainant"]["phone"])
    walking.go_on(page)
    expect(page.locator(".hj-flash")).to_contain_text("“接待并登记”已完成")


def test_a_draft_outlives_the_browser(
    people: People, registration: Mapping[str, Any], evaluate: Evaluate, tmp_path: Path
) -> None:
    page = people.signed_in("linxiaoyu")
    number = walking.start(page, "retail_major")
    Filler(page, tmp_path, evaluate).fill(registration)
    walking.field(page, "Group_complainant_Field_complainant_phone").fill("打不通的号码")
    expect(page.locator("#draft-state")).to_contain_text("草稿已保存", timeout=walking.PATIENCE)
    page.context.close()

    again = people.signed_in("linxiaoyu")
    expect(again.locator(".hj-list-row", has_text=number)).to_contain_text("有草稿")
    walking.open_task(again, people.address, {"接待并登记"}, number)
    expect(walking.field(again, "Group_complainant_Field_complainant_phone")).to_have_value("打不通的号码")
    stands_as_typed(again, registration)


def stands_as_typed(page: Page, registration: Mapping[str, Any]) -> None:
    """Every kind of field still holds what was put in: text, choice, tick, money, day, picture."""
    for name, text in {
        "Group_complainant_Field_complainant_name": registration["complainant"]["name"],
        "Group_product_Field_product_price": registration["product"]["price"],
        "Group_story_Field_description": registration["description"],
        "Group_story_Field_demand": registration["demand"],
        "Group_judgement_Field_promise_hours": str(registration["promise_hours"]),
    }.items():
        expect(walking.field(page, name)).to_have_value(text)
    expect(walking.field(page, "Group_product_Field_purchase_date", "date")).to_have_value(
        registration["purchase"]["date"]
    )
    expect(walking.field(page, "Group_judgement_Field_manifestations", "0")).to_be_checked()
    expect(walking.field(page, "Group_judgement_Field_manifestations", "2")).not_to_be_checked()
    expect(walking.field(page, "Group_judgement_Field_severity", "2")).to_be_checked()
    expect(page.locator(".hj-form .hj-file")).to_have_count(2)


def test_a_form_says_nothing_of_what_is_not_known(people: People) -> None:
    """FEEL in the page answers like FEEL on the server: `product.name` of a missing variable is no function's name."""
    page = people.at(walking.username_of("客服部"))
    walking.start(page, "retail_delisting")
    expect(page.get_by_label("查到了什么")).to_be_visible()
    expect(page.locator(".fjs-form-field-text strong")).to_have_count(0)


def test_a_task_without_a_mouse(people: People) -> None:
    """An enquiry, from the work list to the answer, by keyboard alone."""
    page = people.at("linxiaoyu")
    number = walking.start(page, "retail_major")
    page.goto(f"{people.address}/tasks")
    press_until_focused(page, "j", f'.hj-list-row:has-text("{number}") .hj-row-link')
    page.keyboard.press("Enter")
    walking.form_ready(page)

    tab_to(page, "Group_source_Field_channel")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    tab_to(page, "Group_source_Field_received_at", "date")
    page.keyboard.type(f"{datetime.now(SHANGHAI):%Y-%m-%d}")
    tab_to(page, "Group_source_Field_received_at", "time")
    page.keyboard.press("Control+A")
    page.keyboard.type("08:07")
    tab_to(page, "Group_source_Field_nature", "0")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Group_enquiry_Field_enquiry_content")
    page.keyboard.type("周六几点开门")
    tab_to(page, "Group_enquiry_Field_enquiry_name")
    page.keyboard.type("王女士")
    here = page.url
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: url != here)
    expect(page.locator(".hj-flash")).to_contain_text("“接待并登记”已完成")


def tab_to(page: Page, component_id: str, *parts: str) -> None:
    press_until_focused(page, "Tab", f'[id^="fjs-form-"][id$="-{"-".join((component_id, *parts))}"]')


def press_until_focused(page: Page, key: str, selector: str) -> None:
    place = page.locator(selector)
    for _ in range(60):
        page.keyboard.press(key)
        if place.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{key} 到不了 {selector}")
