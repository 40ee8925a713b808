"""What people get over HTTP, and what the processes that serve them need."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from web.benchmarks import crowds
from web.benchmarks.figures import Figure, missing, ms, percentile, timed
from web.benchmarks.place import PASSWORD, Place, everybodys_groups
from web.benchmarks.served import Browser, Process, load, own_cores, running, traffic
from web.benchmarks.steps import DATA, PROCESS

_ANSWERS = {
    "visitor": {"name": "王先生", "phone": "13812345678"},
    "amount": "128.50",
    "bought_on": "2026-01-03",
    "channel": "counter",
    "account": "打火三次都没有点着，要求退款。",
    "receipt": "A-123",
    "again": True,
}
_CLERKS = 4
_USERS = 20
_THINKING_SECONDS = 1.0


def figures(place: Place, *, quick: bool) -> Iterator[Figure]:
    """Run one `hejie serve` on a core of its own and ask it from the others."""
    with own_cores() as core, running(place.settings, "serve", "--no-worker", core=core) as server:
        where = "独占一核" if core is not None else "与测量者同一核"
        yield Figure("网页进程的内存（刚启动）", (server.resident_mb(),), "MB")
        yield from _completions(place, server, where, quick=quick)
        yield from _pages(place, server, quick=quick)
        reader = place.person("onlooker", place.crowd_groups)
        browser = Browser(server.port, reader)
        yield from crowds.figures(place, partial(browser.get, "/tasks"), quick=quick)
        browser.close()
        yield Figure("网页进程的内存（以上全部之后）", (server.resident_mb(),), "MB", most=300)
        if core is not None:
            os.sched_setaffinity(0, os.sched_getaffinity(0) | {core})  # a browser runs where it likes
        yield from _first_paint(place, server, quick=quick)
    yield from _worker(place, quick=quick)


def _completions(place: Place, server: Process, where: str, *, quick: bool) -> Iterator[Figure]:
    clerks = [Clerk(place, server, f"clerk{number}") for number in range(_CLERKS)]
    for clerk in clerks:
        for _ in range(3 if quick else 15):
            clerk.complete()
    nothing, begun = traffic(server), traffic(server)
    clerks[0].complete()
    ended = traffic(server)
    statements, commits = (end - begin - (begin - zero) for zero, begin, end in zip(nothing, begun, ended, strict=True))
    yield Figure("经 HTTP 完成一个任务：SQL 语句", (statements,), "条", most=12)
    yield Figure("经 HTTP 完成一个任务：提交", (commits,), "次", most=1, least=1)
    used = server.cpu_seconds()
    got = load([clerk.complete for clerk in clerks], rounds=2 if quick else 9, each=3 if quick else 50)
    used = server.cpu_seconds() - used
    yield Figure(f"经 HTTP 完成任务，一个进程（{where}），{_CLERKS} 人", got.rates, "个/秒", least=100)
    yield ms(f"经 HTTP 完成一个任务，{_CLERKS} 人同时", got.seconds)
    yield ms("经 HTTP 完成一个任务 p95", [got.share(0.95)])
    yield Figure("经 HTTP 完成一个任务：网页进程的处理器时间", (used * 1000 / len(got.seconds),), "ms")
    alone = load([clerks[0].complete], rounds=1, each=5 if quick else 100)
    yield ms("经 HTTP 完成一个任务，只有 1 人", alone.seconds)
    for clerk in clerks:
        clerk.browser.close()


class Clerk:
    """Somebody who completes one task of a case after the other."""

    def __init__(self, place: Place, server: Process, username: str) -> None:
        place.person(username)
        self.browser = Browser(server.port, username)
        (self.item,) = place.house.casework.start_case(PROCESS, DATA, by=username).next_item_keys

    def complete(self) -> None:
        self.item = self.browser.complete(self.item, _ANSWERS)


def _pages(place: Place, server: Process, *, quick: bool) -> Iterator[Figure]:
    """Let twenty people look at lists, tasks, cases and forms to start with, a page a second each."""
    browsers = []
    paths = []
    for number in range(4 if quick else _USERS):
        clerk = Clerk(place, server, f"user{number}")
        for _ in range(3):
            clerk.complete()
        task = place.house.worklist.item(clerk.item, _known(place, f"user{number}"))
        paths.append(["/tasks", f"/tasks/{clerk.item}", f"/cases/{task.case.key}", "/start", "/tasks?scope=mine"])
        browsers.append(clerk.browser)
    seconds: list[float] = []

    def look(browser: Browser, addresses: list[str], dice: random.Random) -> None:
        time.sleep(dice.uniform(0.5, 1.5) * (0.05 if quick else _THINKING_SECONDS))
        seconds.append(timed(partial(browser.get, dice.choice(addresses))))

    looks: list[Callable[[], Any]] = [
        partial(look, browser, addresses, random.Random(number))  # noqa: S311 - who looks where
        for number, (browser, addresses) in enumerate(zip(browsers, paths, strict=True))
    ]
    load(looks, rounds=1, each=3)  # the first look compiles templates and forms
    seconds.clear()
    load(looks, rounds=1, each=4 if quick else 25)
    yield ms(f"网页，{len(browsers)} 人各每秒约一页", seconds)
    yield ms(f"网页 p95，{len(browsers)} 人", [percentile(seconds, 0.95)], most=100)
    for browser in browsers:
        browser.close()


def _known(place: Place, username: str) -> Any:
    return place.house.identity.find(username)


def _first_paint(place: Place, server: Process, *, quick: bool) -> Iterator[Figure]:
    """Open the task with the largest form of all first tasks in Chromium, with nothing cached and again."""
    name = "任务页首次绘制（Chromium）"
    if quick:
        yield missing(name, "--quick 不测")
        return
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a dependency of the tests
    except ImportError:
        yield missing(name, "没有安装 Playwright（它是开发依赖），不测")
        return
    if chromium is None:
        yield missing(name, "这台机器上没有 Chromium，不测")
        return
    username = place.person("painter", everybodys_groups(place.house))
    task = _largest_form(place, username)
    address = f"http://127.0.0.1:{server.port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for label, fresh in (("没有缓存", True), ("有缓存", False)):
            painted, drawn = [], []
            context = browser.new_context(locale="zh-CN")
            for number in range(7):
                if fresh and number:
                    cookies = context.cookies()
                    context.close()
                    context = browser.new_context(locale="zh-CN")
                    context.add_cookies(cookies)  # type: ignore[arg-type]  # what it gave us itself
                page = context.new_page()
                if not number:
                    page.goto(f"{address}/sign-in")
                    page.fill('[name="username"]', username)
                    page.fill('[name="password"]', PASSWORD)
                    page.click('button[type="submit"]')
                    page.wait_for_url("**/tasks**")
                page.goto(f"{address}/tasks/{task}")
                page.wait_for_selector('[data-behaviour="task-form"][data-ready="yes"]')
                if number:  # the first one has signed in, and woken everything
                    drawn.append(page.evaluate(_AFTER_NEXT_FRAME) / 1000)
                    painted.append(page.evaluate(_FIRST_PAINT) / 1000)
                page.close()
            context.close()
            yield ms(f"{name}，{label}：首次内容绘制", painted, most=1000)
            yield ms(f"{name}，{label}：表单画好", drawn, most=1000)
        browser.close()


_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
_AFTER_NEXT_FRAME = """() => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"""


def _largest_form(place: Place, username: str) -> int:
    """Start a case of every process that can be, and return the key of the task with the largest form."""
    person = _known(place, username)
    size: dict[int, int] = {}
    for process in place.house.worklist.startable(person):
        for key in place.house.casework.start_case(process.process_id, {}, by=username).next_item_keys[:1]:
            size[key] = len(place.house.worklist.item(key, person).form or b"")
    return max(size, key=lambda key: size[key])


def _worker(place: Place, *, quick: bool) -> Iterator[Figure]:
    """Let a worker print documents and fire timers, and look at its memory."""
    by = place.person("reporter")
    count = 2 if quick else 24
    started = [place.house.casework.start_case("benchmark_document", {}, by=by) for _ in range(count)]
    for _ in range(4 if quick else 50):
        place.house.casework.start_case("benchmark_timer", {}, by=by)
    with running(place.settings, "worker") as worker:
        until = time.monotonic() + timedelta(minutes=2).total_seconds()
        while time.monotonic() < until and not _printed(place, by, started[-1].key):
            time.sleep(0.2)
        whole, alone = worker.resident_mb(), worker.own_mb()
    yield Figure("工作进程的内存，连同它的打印进程", (whole,), "MB", most=400)
    yield Figure("工作进程的内存，不算打印进程", (alone,), "MB")


def _printed(place: Place, by: str, case_key: int) -> bool:
    view = place.house.worklist.case(case_key, _known(place, by))
    return bool(view.documents) and all(document.state == "READY" for document in view.documents)
