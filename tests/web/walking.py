"""A person at the real pages: signs in, takes tasks from the work list and fills forms from a scenario's answers.

Nothing here knows a procedure or a form. What is to be filled, and how, is read from the form schema that the page
itself received; what goes in comes from `*.scenario.json`.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from lxml import etree
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, TimeoutError, expect

from engine.clock import SHANGHAI
from web import scenarios
from web.demo import demo_people
from web.scenarios import Scenario

_BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
_MISSING: Any = object()
PATIENCE = 60_000  # ms; only a hanging page takes so long, even on a busy machine

Evaluate = Callable[[str, Mapping[str, Any]], Any]
"""Evaluates a FEEL expression (without "=") with the data of a form."""


def task_names(workflows: Path) -> dict[str, set[str]]:
    """Return element id of a user task -> its names; two procedures may use the same id."""
    names: dict[str, set[str]] = {}
    for file in workflows.glob("*.bpmn"):
        for element in etree.parse(str(file)).iter(f"{_BPMN}userTask"):
            names.setdefault(element.get("id", ""), set()).add(element.get("name", ""))
    return names


def beginning_today(file: Path, today: date) -> Scenario:
    """Return the scenario moved by whole days so that its first day is `today`: the server has the real clock."""
    scenario = scenarios.read(file)
    return scenario.shifted((today - scenario.begins_at.astimezone(SHANGHAI).date()).days)


def username_of(lane: str) -> str:
    """Return the demo person who plays this lane alone."""
    return next(person.username for person in demo_people().people if person.groups == (lane,))


def picture(folder: Path, name: str) -> Path:
    """Make a small picture under a file name."""
    path = folder / name
    image = Image.new("RGB", (480, 320), (214, 222, 230))
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 440, 280), outline=(60, 70, 90), width=5)
    draw.line((40, 280, 190, 130, 260, 210, 440, 60), fill=(60, 70, 90), width=5)
    image.save(path)
    return path


class People:
    """The demo people, each at a browser of their own. What a browser complains about is kept in `complaints`."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.address = address
        self.complaints: list[str] = []
        self._browser = browser
        self._pages: dict[str, Page] = {}

    def at(self, username: str) -> Page:
        """Return the page of this person, signed in."""
        if username not in self._pages:
            self._pages[username] = self.signed_in(username)
        return self._pages[username]

    def signed_in(self, username: str) -> Page:
        """Sign in at a new browser, by the button that the page offers for demo people."""
        page = self.context().new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url} {error.stack}"))
        page.set_default_timeout(PATIENCE)
        page.goto(f"{self.address}/sign-in")
        page.locator(f"[data-username={username}]").click()
        page.get_by_role("button", name="登录", exact=True).click()
        page.wait_for_url("**/tasks")
        return page

    def context(self) -> BrowserContext:
        return self._browser.new_context(
            locale="zh-CN", timezone_id="Asia/Shanghai", viewport={"width": 1366, "height": 768}
        )

    def leave(self) -> None:
        for context in self._browser.contexts:
            context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "422" not in message.text:  # a refused answer is logged as a failed resource
            self.complaints.append(message.text)


def start(page: Page, process_id: str) -> str:
    """Start a case by 发起; its first task then stands on the page. Return the case's number."""
    page.get_by_role("link", name="发起", exact=True).first.click()
    page.locator(f'form[action$="/start/{process_id}"] button').click()
    form_ready(page)
    return page.locator(".hj-facts dd").first.inner_text().strip()


def open_task(page: Page, address: str, names: set[str], case_number: str) -> str:
    """Find the case's task in the work list, claim it if nobody has, open it. Return its name.

    Of several tasks that fit, the one that came first.
    """
    page.goto(f"{address}/tasks")
    until = monotonic() + 60
    while not (found := _fitting(page, names, case_number)):  # a document may have to be printed first
        assert monotonic() < until, f"待办里没有 {names}：{page.locator('.hj-list').all_inner_texts()}"
        page.wait_for_timeout(300)
        page.reload()
    key, name = min(found)
    row = page.locator(f'[data-item="{key}"]')
    claim = row.get_by_role("button", name=f"领取 {name}")
    if claim.count():
        claim.click()
        expect(row.locator(".hj-cell-who")).to_contain_text("我")
    row.locator(".hj-row-link").click()
    form_ready(page)
    expect(page.locator(".hj-task-who")).to_contain_text("我在办")
    return name


def _fitting(page: Page, names: set[str], case_number: str) -> list[tuple[int, str]]:
    rows = page.locator(".hj-list-row", has_text=case_number).all()
    found = [
        (int(row.get_attribute("data-item") or 0), row.locator(".hj-row-link").inner_text().strip()) for row in rows
    ]
    return [(key, name) for key, name in found if name in names]


def form_ready(page: Page) -> None:
    """Wait until the form stands on the page."""
    page.wait_for_selector("[data-behaviour=task-form][data-ready=yes]")


def submit(page: Page) -> None:
    """Press the button under the form."""
    page.locator("#task-complete button[type=submit]").click()


def go_on(page: Page) -> None:
    """Press the button under the form, and wait for the page that follows."""
    here = page.url
    submit(page)
    try:
        page.wait_for_url(lambda url: url != here, wait_until="domcontentloaded")
    except TimeoutError as error:
        said = page.locator("#error-summary, #form-notice, #draft-state, #task-complete button").all_inner_texts()
        raise AssertionError(f"{here} {page.locator('h1').inner_text()}: {said}") from error


def field(page: Page, component_id: str, *parts: str) -> Locator:
    """Return the input of a form's component, or a part of it: "date", "time", the number of an option."""
    end = "-".join((component_id, *parts))
    return page.locator(f'[id^="fjs-form-"][id$="-{end}"]')


def words_of(page: Page, address: str, folder: Path) -> str:
    """Download the PDF at `address` with the person's session, and return its text as one line."""
    answer = page.request.get(address)
    assert answer.headers["content-type"] == "application/pdf"
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".pdf") as file:
        file.write(answer.body())
        file.flush()
        text = subprocess.run(["pdftotext", file.name, "-"], check=True, capture_output=True, text=True).stdout
    return re.sub(r"\s+", "", text)


@dataclass
class Filler:
    """Fills the form on a page, field after field as a person would, from the answers of a scenario's step.

    `fill` returns the keys of the answers that found no visible field, which is how a form says that it does not want
    them.
    """

    page: Page
    folder: Path
    evaluate: Evaluate

    def fill(self, answers: Mapping[str, Any]) -> list[str]:
        given = self.page.locator("#task-form-data")
        self._known = given.evaluate("element => JSON.parse(element.textContent)")
        self._answers = answers
        waiting = dict(self._fields(self._known["schema"]["components"], answers, "", ()))
        # A field may appear only after one that stands below it is answered.
        while filled := [name for name, write in waiting.items() if write()]:
            for name in filled:
                del waiting[name]
        return list(waiting)

    def _fields(
        self, components: Sequence[Mapping[str, Any]], answers: Any, path: str, indexes: tuple[int, ...]
    ) -> Iterator[tuple[str, Callable[[], bool]]]:
        for component in components:
            key = component.get("key") or component.get("path") or ""
            below = f"{path}.{key}" if path and key else path or key
            value = _at(answers, key)
            if component["type"] == "group":
                yield from self._fields(component["components"], value, below, indexes)
            elif key and value is not _MISSING:
                writer = self._list if component["type"] == "dynamiclist" else self._single
                yield below, writer(component, value, below, indexes)

    def _list(
        self, component: Mapping[str, Any], rows: Sequence[Any], path: str, indexes: tuple[int, ...]
    ) -> Callable[[], bool]:
        def write() -> bool:
            label = self._element(component, indexes)
            if not _appears(label):
                return False
            place = self.page.locator(".fjs-form-field-dynamiclist", has=label).last
            remove = place.locator(".fjs-repeat-row-remove")
            while remove.count() > len(rows):
                remove.last.click()
            while remove.count() < len(rows):
                place.locator(".fjs-repeat-render-add").click()
            for number, row in enumerate(rows):
                cells = self._fields(component["components"], row, f"{path}[{number}]", (*indexes, number))
                assert [name for name, fill in cells if not fill()] == []
            return True

        return write

    def _single(
        self, component: Mapping[str, Any], value: Any, path: str, indexes: tuple[int, ...]
    ) -> Callable[[], bool]:
        put = getattr(self, f"_put_{component['type']}")
        first = _FIRST.get(component.get("subtype", component["type"]), ())

        def write() -> bool:
            box = self._element(component, indexes, *first)
            if not _appears(box):
                return False
            put(component, box, indexes, value)
            return True

        return write

    def _element(self, component: Mapping[str, Any], indexes: tuple[int, ...], *parts: str) -> Locator:
        rows = "".join(f"_{index}" for index in indexes)
        return field(self.page, f"{component['id']}{rows}", *parts)

    def _options(self, component: Mapping[str, Any]) -> list[Any]:
        """Return the values to choose from, in the order in which they stand on the page."""
        found = component.get("values", [])
        if "valuesExpression" in component:
            data = {**self._known["data"], **self._answers}
            found = self.evaluate(component["valuesExpression"].removeprefix("="), data) or []
        elif "valuesKey" in component:
            found = _at(self._known["data"], component["valuesKey"])
        return [option["value"] if isinstance(option, Mapping) else option for option in found]

    def _put_textfield(self, component: Any, box: Locator, indexes: Any, value: Any) -> None:
        text = "" if value is None else str(value)
        box.fill(text)
        expect(box).to_have_value(text)

    _put_textarea = _put_textfield
    _put_number = _put_textfield

    def _put_checkbox(self, component: Any, box: Locator, indexes: Any, value: Any) -> None:
        box.set_checked(bool(value))

    def _put_radio(self, component: Any, first: Locator, indexes: tuple[int, ...], value: Any) -> None:
        self._element(component, indexes, str(self._options(component).index(value))).check()

    def _put_checklist(self, component: Any, first: Locator, indexes: tuple[int, ...], value: Any) -> None:
        for number, option in enumerate(self._options(component)):
            self._element(component, indexes, str(number)).set_checked(option in value)

    def _put_select(self, component: Any, box: Locator, indexes: Any, value: Any) -> None:
        place = self.page.locator(".fjs-form-field-select", has=box)
        (box if component.get("searchable") else place.locator(".fjs-select-display")).click()
        place.locator(".fjs-dropdownlist-item").nth(self._options(component).index(value)).click()

    def _put_taglist(self, component: Any, box: Locator, indexes: Any, value: Any) -> None:
        place = self.page.locator(".fjs-form-field-taglist", has=box)
        while place.locator(".fjs-taglist-tag-remove").count():
            place.locator(".fjs-taglist-tag-remove").last.click()
        left = self._options(component)
        for entry in value:
            box.click()
            place.locator(".fjs-dropdownlist-item").nth(left.index(entry)).click()
            left.remove(entry)
        box.press("Escape")

    def _put_datetime(self, component: Any, first: Locator, indexes: tuple[int, ...], value: str) -> None:
        if component["subtype"] == "time":
            _type(first, value[:5])
            return
        at = datetime.fromisoformat(value)
        local = at.astimezone(SHANGHAI) if at.tzinfo else at
        _type(first, f"{local:%Y-%m-%d}")
        if component["subtype"] == "datetime":
            _type(self._element(component, indexes, "time"), f"{local:%H:%M}")

    def _put_filepicker(self, component: Any, box: Locator, indexes: Any, value: Sequence[Any]) -> None:
        files = self.page.locator(".fjs-form-field-filepicker", has=box).locator(".hj-file")
        there = files.count()
        box.set_input_files([picture(self.folder, entry["attach"]) for entry in value])
        expect(files).to_have_count(there + len(value), timeout=PATIENCE)


_FIRST = {"date": ("date",), "datetime": ("date",), "time": ("time",), "radio": ("0",), "checklist": ("0",)}
"""The first part of a field that has several, by subtype or type."""


def _type(box: Locator, text: str) -> None:
    """Type into a picker and leave it; it must keep what was typed."""
    box.fill(text)
    box.press("Enter")
    box.press("Escape")
    box.blur()
    expect(box).to_have_value(text)


def _appears(place: Locator) -> bool:
    try:
        place.wait_for(state="attached", timeout=250)
    except TimeoutError:
        return False
    return True


def _at(answers: Any, key: str) -> Any:
    for part in key.split(".") if key else ():
        if not isinstance(answers, Mapping) or part not in answers:
            return _MISSING
        answers = answers[part]
    return answers
