"""The pages in a real Chromium: what only a browser can show."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.web.office import PASSWORD, ROOT, Office, open_office
from web.server import Server
from web.settings import Settings

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

expect.set_options(timeout=20_000)  # for machines with more to do than this
pytestmark = pytest.mark.xdist_group("browser")  # one Chromium at a time


class Served:
    """The office behind a real server on a free port. `stop` and `start` play a failing server."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.port = 0
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = Server(self.office.app, host="127.0.0.1", port=self.port, threads=8)
        self.port = self._server.port
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()

    def stop(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.stop()
        self._thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    settings = Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(tmp_path), "HEJIE_DEMO": "1"})
    with open_office(settings) as office:
        served = Served(office)
        served.start()
        yield served
        served.stop()


class Desk:
    """A person at a browser. Everything the browser complains about (policy, errors) fails the test."""

    def __init__(self, context: BrowserContext, served: Served) -> None:
        self.context = context
        self.served = served
        self.complaints: list[str] = []
        # 20 MB of Chinese font a test: only where a test measures text.
        context.route("**/fonts/*.ttf", lambda route: route.fulfill(status=404))

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_default_timeout(30_000)
        return page

    def signed_in(self, username: str) -> Page:
        page = self.page()
        page.goto(f"{self.served.address}/sign-in")
        page.get_by_label("用户名").fill(username)
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_role("button", name="登录", exact=True).click()
        page.wait_for_url("**/tasks")
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        # A refused submission is logged by Chromium as a failed resource; that is the point of those tests.
        expected = ("422", "ERR_CONNECTION", "404")
        if message.type == "error" and not any(text in message.text for text in expected):
            self.complaints.append(message.text)


@pytest.fixture
def desk(chromium: Browser, served: Served) -> Iterator[Desk]:
    context = chromium.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1366, "height": 768})
    desk = Desk(context, served)
    yield desk
    context.close()
    assert desk.complaints == []


def start(page: Page) -> None:
    page.get_by_role("link", name="发起", exact=True).click()
    page.locator("form[action='/start/refund'] button").click()
    page.wait_for_selector("[data-ready=yes]")


def fill(page: Page, **changes: str) -> None:
    values = {"顾客姓名": "林女士", "电话": "13812345678", "商品": "燃气灶", "退款金额": "128.5"} | changes
    for label, value in values.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("经过").fill("打火时没有点着，要求退款。")
    page.get_by_label("没有").check()


def submit(page: Page) -> None:
    page.locator("#task-complete button[type=submit]").click()


def photo(folder: Path) -> Path:
    path = folder / "伤口.jpg"
    Image.effect_noise((900, 600), 80).convert("RGB").save(path)
    return path


def test_from_the_first_call_to_the_document(desk: Desk, tmp_path: Path) -> None:
    page = desk.signed_in("anna")
    start(page)
    fill(page)
    page.set_input_files("input[type=file]:not([capture])", photo(tmp_path))
    expect(page.locator(".hj-file a").last).to_have_text("伤口.jpg")
    expect(page.locator(".hj-file img")).to_have_js_property("complete", True)
    submit(page)
    expect(page.get_by_text("“登记退款”已完成，接着办下一项。")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("对照票据")

    page.get_by_label("票据与商品相符").check()
    submit(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("审批退款")
    expect(page.locator(".hj-form strong")).to_have_text("林女士")  # what the form says of the case
    page.get_by_label("同意", exact=True).check()
    submit(page)
    page.wait_for_url("**/tasks")

    page.get_by_role("link", name="案件", exact=True).first.click()
    page.get_by_role("link", name="退款 燃气灶").click()
    expect(page.locator("#documents")).to_contain_text("生成中")
    desk.served.office.work()
    expect(page.locator("#documents")).to_contain_text("可查看")  # arrives without a reload
    frame = page.locator("iframe.hj-pdf")
    answer = page.request.get(f"{desk.served.address}{frame.get_attribute('src')}")
    assert answer.headers["content-type"] == "application/pdf"
    assert page.locator(".hj-file img").count() == 1


def test_wrong_answers_stay_on_the_page_with_a_way_to_each(desk: Desk) -> None:
    page = desk.signed_in("anna")
    start(page)
    fill(page, 退款金额="900")
    submit(page)
    summary = page.locator("#error-summary")
    expect(summary).to_contain_text("有 1 处需要更正")
    summary.get_by_role("link", name="退款金额（元）：不得大于 500。").click()
    expect(page.get_by_label("退款金额")).to_be_focused()
    expect(page.get_by_label("退款金额")).to_have_value("900")
    expect(page.get_by_label("顾客姓名")).to_have_value("林女士")


def test_the_servers_own_objection_stands_at_the_field(desk: Desk) -> None:
    page = desk.signed_in("anna")
    start(page)
    fill(page)
    # What only the server can know; the browser's own check has nothing to say.
    page.route(
        "**/complete",
        lambda route: route.fulfill(
            status=422,
            content_type="application/json",
            body='{"error": "有 1 处需要更正。", "errors": {"complainant.phone": ["这个号码不存在。"]}}',
        ),
    )
    submit(page)
    expect(page.locator("#error-summary")).to_contain_text("电话：这个号码不存在。")
    expect(page.locator(".fjs-form-field-error")).to_have_text("这个号码不存在。")
    expect(page.get_by_label("电话")).to_have_value("13812345678")


def test_a_draft_survives_a_closed_browser(chromium: Browser, desk: Desk, tmp_path: Path) -> None:
    page = desk.signed_in("anna")
    start(page)
    address = page.url
    fill(page)
    page.set_input_files("input[type=file]:not([capture])", photo(tmp_path))
    expect(page.locator(".hj-file")).to_have_count(1)
    expect(page.locator("#draft-state")).to_contain_text("草稿已保存")
    page.get_by_label("顾客姓名").fill("林女士（补充）")  # and one word more, at once followed by closing
    page.close(run_before_unload=True)
    desk.context.close()

    other = chromium.new_context(locale="zh-CN", timezone_id="Asia/Shanghai")  # nothing kept on this device
    again = Desk(other, desk.served).signed_in("anna")
    again.goto(address)
    again.wait_for_selector("[data-ready=yes]")
    expect(again.get_by_label("顾客姓名")).to_have_value("林女士（补充）")
    expect(again.get_by_label("没有")).to_be_checked()
    expect(again.locator(".hj-file a").last).to_have_text("伤口.jpg")
    other.close()


def test_a_server_that_cannot_be_reached_costs_nothing_typed(desk: Desk) -> None:
    page = desk.signed_in("anna")
    start(page)
    address = page.url
    desk.served.stop()
    page.evaluate("navigator.sendBeacon = () => false")  # nor on leaving
    fill(page)
    submit(page)
    expect(page.locator("#form-notice")).to_contain_text("服务器暂时连不上。 您填写的内容都还在本页。")
    expect(page.get_by_label("顾客姓名")).to_have_value("林女士")
    page.close()
    desk.served.start()
    again = desk.page()
    again.goto(address)
    again.wait_for_selector("[data-ready=yes]")
    expect(again.locator("#form-notice")).to_contain_text("已恢复本机在")
    expect(again.get_by_label("顾客姓名")).to_have_value("林女士")
    submit(again)
    expect(again.get_by_role("heading", level=1)).to_have_text("对照票据")
    assert again.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('hejie:')).length") == 0


def test_a_session_that_ended_while_typing_costs_nothing(desk: Desk) -> None:
    page = desk.signed_in("anna")
    start(page)
    page.wait_for_load_state("networkidle")  # an answer still on its way would bring the cookie back
    desk.context.clear_cookies()
    page.get_by_label("顾客姓名").fill("林女士")
    expect(page.locator("#draft-state")).to_contain_text("登录已过期", timeout=15_000)
    desk.signed_in("anna")  # in another tab
    fill(page)
    submit(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("对照票据")
    desk.complaints = [said for said in desk.complaints if "401" not in said and "400" not in said]


def test_two_tabs_of_two_people(desk: Desk) -> None:
    """Somebody else completes the task meanwhile: who it was is said, and nothing typed is lost."""
    office = desk.served.office
    task = office.open_tasks(office.register())["compare"]
    page = desk.signed_in("anna")
    page.goto(f"{desk.served.address}/tasks/{task}")
    page.wait_for_selector("[data-ready=yes]")
    office.house.casework.complete_task(task, {"matches": True}, by="bob")
    page.get_by_label("票据与商品相符").check()
    submit(page)
    expect(page.locator("#form-notice")).to_contain_text("任务已由鲍勃于2026年11月23日09:00办结")
    expect(page.get_by_label("票据与商品相符")).to_be_checked()
    desk.complaints = [said for said in desk.complaints if "409" not in said]


def test_the_diagram_shows_where_the_case_stands(desk: Desk) -> None:
    office = desk.served.office
    case = office.register()
    page = desk.signed_in("bob")
    page.goto(f"{desk.served.address}/cases/{case}")
    page.wait_for_selector("[data-behaviour=diagram][data-ready=refund]")
    assert page.locator(".hj-finished[data-element-id=register]").count() == 1
    assert page.locator(".hj-current[data-element-id=check]").count() == 1
    expect(page.locator(".djs-overlays[data-container-id=check] .hj-badge")).to_have_text("进行中")
    expect(page.locator("a.bjs-powered-by")).to_be_visible()
    page.locator("[data-element-id=check] .djs-hit").first.click()  # a call activity leads to the diagram it calls
    page.wait_for_selector("[data-behaviour=diagram][data-ready=refund_check]")
    assert page.locator(".hj-current[data-element-id=compare]").count() == 1


def test_late_and_broken_are_words_on_the_diagram(desk: Desk) -> None:
    office = desk.served.office
    case = office.register()
    office.house.casework.complete_task(office.open_tasks(case)["compare"], {"matches": True}, by="bob")
    office.clock.at = office.clock.at.replace(day=30)
    page = desk.signed_in("bob")
    page.goto(f"{desk.served.address}/cases/{case}")
    page.wait_for_selector("[data-behaviour=diagram][data-ready=refund]")
    expect(page.locator(".djs-overlays[data-container-id=approve] .hj-badge")).to_have_text("已超期")
    office.house.casework.complete_task(office.open_tasks(case)["approve"], {"agreed": "no"}, by="bob")
    page.reload()
    page.wait_for_selector("[data-behaviour=diagram][data-ready=refund]")
    expect(page.locator(".djs-overlays[data-container-id=approved] .hj-badge")).to_have_text("异常")


def test_the_work_list_by_keyboard(desk: Desk) -> None:
    office = desk.served.office
    office.register()
    page = desk.signed_in("bob")
    page.wait_for_selector("[data-keys=ready]")
    page.keyboard.press("j")
    expect(page.locator(".hj-row-link").first).to_be_focused()
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="退回 对照票据")).to_be_visible()
    page.wait_for_selector("[data-keys=ready]")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("对照票据")


def test_the_first_key_leads_past_the_navigation(desk: Desk) -> None:
    page = desk.signed_in("bob")
    page.keyboard.press("Tab")
    expect(page.locator(".hj-skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_forms_speak_chinese_dates_too(desk: Desk) -> None:
    page = desk.signed_in("anna")
    start(page)
    date = page.get_by_label("购买日期")
    expect(date).to_have_attribute("placeholder", "年-月-日")
    date.click()
    expect(page.locator(".flatpickr-weekday").first).to_contain_text("日")
    date.fill("2026年10月8日")
    date.press("Enter")
    expect(date).to_have_value("2026-10-08")
    date.press("Escape")
    page.get_by_role("button", name="添加一项").click()
    expect(page.get_by_role("button", name="移除第 1 项")).to_be_visible()
    submit(page)
    expect(page.locator("#error-summary")).to_contain_text("顾客姓名：此项必填。")
    expect(page.locator(".fjs-powered-by-link")).to_be_visible()


def test_a_file_too_large_or_of_a_wrong_type_is_refused_at_the_field(desk: Desk, tmp_path: Path) -> None:
    page = desk.signed_in("anna")
    start(page)
    wrong = tmp_path / "程序.exe"
    wrong.write_bytes(b"MZ" + bytes(100))
    page.set_input_files("input[type=file]:not([capture])", wrong)
    expect(page.locator(".fjs-form-field-filepicker .fjs-form-field-error")).to_contain_text(
        "“程序.exe”的类型不在允许之列"
    )
    false = tmp_path / "假.jpg"
    false.write_bytes(b"<html><script>alert(1)</script>")
    page.set_input_files("input[type=file]:not([capture])", false)
    expect(page.locator(".fjs-form-field-filepicker .fjs-form-field-error")).to_contain_text("“假.jpg”没有上传成功")


@pytest.mark.parametrize("width", [390, 1366])
def test_no_page_is_wider_than_the_screen(chromium: Browser, served: Served, width: int) -> None:
    office = served.office
    case = office.register()
    task = office.open_tasks(case)["compare"]
    context = chromium.new_context(locale="zh-CN", viewport={"width": width, "height": 800})
    desk = Desk(context, served)
    page = desk.signed_in("adam")
    for path in (
        "/tasks",
        "/cases",
        f"/cases/{case}",
        f"/tasks/{task}",
        "/start",
        "/incidents",
        "/deployments",
        "/calendar",
        "/audit/documents",
        "/audit/journal",
        "/nothing",
    ):
        page.goto(f"{served.address}{path}")
        time.sleep(0.3)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()


def test_the_first_task_is_seen_without_scrolling(desk: Desk) -> None:
    desk.served.office.register()
    page = desk.signed_in("bob")
    for size in ({"width": 1366, "height": 768}, {"width": 390, "height": 844}):
        page.set_viewport_size(size)
        box = page.locator(".hj-list-row").first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < size["height"] * 0.6
