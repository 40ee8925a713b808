"""Plays `*.scenario.json` through the real use cases: the demo, the demo data and the procedures' own tests.

A scenario is one case from its first minute on:

    {"title": "…", "source": "S01", "process": "refund",
     "start": {"by": "<group or username>", "at": "2026-11-23T09:12:00+08:00", "variables": {…}},
     "steps": [{"task": "<element id>", "as": "<group or username>", "after": "PT30M", "answers": {…}},
               {"wait": "P2D"},
               {"message": {"name": "…", "correlation_key": "=case.number or text", "variables": {…}}}],
     "expect": {"finished": true, "documents": ["settlement_agreement"], "path": ["register", "grade"],
                "variables": {"case.number": "…"}}}

`after` (default PT10M) passes before the task is completed; during it and during `wait` everything that falls due falls
due. Answers go through the form of the task like a browser's. `{"attach": "灶台.jpg"}` in an answer becomes a picture.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from engine.deadlines import describe_instant
from engine.identity import Person
from engine.worklist import CaseView, ItemView, TimelineEntry
from web.wiring import House

_COMPLETIONS = {"task:completed", "element:completed"}
DEFAULT_PAUSE = timedelta(minutes=10)
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_ISO_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(T\S*)?")


class ScenarioError(Exception):
    """A scenario cannot be read, or the case went another way than it says. The message names file and step."""


class PlayedClock:
    """The time of a scenario: it moves only when the scenario says so."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    def set_to(self, at: datetime) -> None:
        """Begin at `at`, which may lie before the present: another case, another story."""
        self._at = at.astimezone(UTC)

    def move_to(self, at: datetime) -> None:
        """Go on to `at`. Never back: an earlier time is ignored."""
        self._at = max(self._at, at.astimezone(UTC))


@dataclass(frozen=True)
class Scenario:
    """A scenario file, read."""

    file: str
    title: str
    source: str
    process: str
    start: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]
    expect: Mapping[str, Any] = field(default_factory=dict)

    @property
    def begins_at(self) -> datetime:
        return datetime.fromisoformat(self.start["at"])

    @property
    def ends_at(self) -> datetime:
        """When the last step is done, if nothing takes longer than the scenario says."""
        end = self.begins_at
        for step in self.steps:
            if "wait" in step or "after" in step:
                end += _duration(self.file, step.get("wait") or step["after"])
            elif "message" not in step:
                end += DEFAULT_PAUSE
        return end

    def begun(self, steps: int) -> Scenario:
        """Return the first `steps` steps; without the expectations, unless these are all."""
        if steps >= len(self.steps):
            return self
        return replace(self, steps=self.steps[:steps], expect={})

    def shifted(self, days: int) -> Scenario:
        """Return the same scenario `days` later: every ISO date in it moves along."""

        def move(value: Any) -> Any:
            if isinstance(value, str) and (match := _ISO_DAY.fullmatch(value)):
                return f"{date.fromisoformat(match[1]) + timedelta(days=days)}{match[2] or ''}"
            if isinstance(value, Mapping):
                return {name: move(part) for name, part in value.items()}
            if isinstance(value, Sequence) and not isinstance(value, str):
                return [move(part) for part in value]
            return value

        return replace(self, start=move(self.start), steps=tuple(move(self.steps)))


def read(path: Path) -> Scenario:
    """Read a scenario file. Raise `ScenarioError` if it is no JSON or lacks a part."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        scenario = Scenario(
            path.name,
            content["title"],
            content.get("source", ""),
            content["process"],
            content["start"],
            tuple(content["steps"]),
            content.get("expect", {}),
        )
        aware = scenario.begins_at.tzinfo is not None
    except (ValueError, KeyError, TypeError) as error:
        raise ScenarioError(f"{path.name}：读不懂这个情景文件（{error!r}）。") from error
    if not aware:
        raise ScenarioError(f"{path.name}：start.at 须带时区，例如 2026-11-23T09:12:00+08:00。")
    return scenario


def read_all(folder: Path) -> list[Scenario]:
    """Return every scenario of a folder, by file name."""
    return [read(path) for path in sorted(folder.glob("*.scenario.json"))]


@dataclass(frozen=True)
class Playback:
    """What came of a scenario."""

    scenario: Scenario
    case: CaseView
    timeline: tuple[TimelineEntry, ...]
    """The whole history, oldest first."""

    @property
    def path(self) -> tuple[str, ...]:
        """Element ids in the order in which they were completed."""
        return tuple(entry.element_id for entry in self.timeline if entry.event in _COMPLETIONS and entry.element_id)

    @property
    def steps(self) -> tuple[str, ...]:
        """Names of the tasks that people completed, in order."""
        return tuple(entry.element_name for entry in self.timeline if entry.event == "task:completed")

    @property
    def deadlines(self) -> tuple[str, ...]:
        """A line a deadline: task, until when, by which rule."""
        return tuple(
            f"{item.name}：{describe_instant(item.due.at)}（{item.due.rule or item.due.explanation}）"
            for item in self.case.deadlines
            if item.due
        )

    @property
    def decisions(self) -> tuple[str, ...]:
        """A line a decision, as the journal words it."""
        return tuple(entry.text for entry in self.timeline if entry.event == "decision:evaluated")


class Player:
    """Plays scenarios in a house whose clock is a `PlayedClock`."""

    def __init__(self, house: House, clock: PlayedClock, people: Iterable[Person]) -> None:
        """`people` are those who may act; one of them must be an auditor, who looks at the results."""
        self._house = house
        self._clock = clock
        self._people = tuple(people)
        self._auditor = next(person for person in self._people if person.is_auditor)

    def play(self, scenario: Scenario, *, meanwhile: Callable[[int], None] = lambda number: None) -> Playback:
        """Play the scenario. `meanwhile` is called with the number of each step that was taken.

        Raise `ScenarioError` naming the step that could not be taken, or what came out otherwise than expected.
        """
        self._clock.set_to(scenario.begins_at)
        starter = self._person(scenario, scenario.start["by"])
        case_key = self._house.casework.start_case(
            scenario.process, dict(scenario.start.get("variables", {})), by=starter.username
        ).key
        self._settle()
        for number, step in enumerate(scenario.steps, start=1):
            self._take(scenario, number, step, case_key)
            meanwhile(number)
        case = self._house.worklist.case(case_key, self._auditor)
        playback = Playback(scenario, case, self._timeline(case_key))
        self._compare(playback)
        return playback

    def _take(self, scenario: Scenario, number: int, step: Mapping[str, Any], case_key: int) -> None:
        where = f"{scenario.file} 第{number}步"
        if "wait" in step:
            self._pass(_duration(where, step["wait"]))
        elif "message" in step:
            message = step["message"]
            case = self._house.worklist.case(case_key, self._auditor)
            key = message.get("correlation_key", "")
            if key.startswith("="):
                key = str(self._house.feel.evaluate(key[1:], case.variables, now=self._clock.now()))
            self._house.casework.publish_message(message["name"], key, message.get("variables", {}))
            self._settle()
        else:
            self._pass(_duration(where, step["after"]) if "after" in step else DEFAULT_PAUSE)
            self._complete(scenario, where, step, case_key)

    def _complete(self, scenario: Scenario, where: str, step: Mapping[str, Any], case_key: int) -> None:
        item = self._open_task(where, step["task"], case_key)
        person = self._person(scenario, step.get("person") or step.get("as") or item.candidate_groups[0])
        task = self._house.worklist.item(item.key, person)
        raw = self._attached(step.get("answers", {}), person, case_key, item.key)
        answers: Mapping[str, Any] = raw
        if task.form is not None and task.form_file is not None:
            form = self._house.forms.get(task.form_file, task.form)
            reading = form.read(_over(form.initial(task.variables), raw), task.variables, now=self._clock.now())
            if reading.errors:
                raise ScenarioError(f"{where}（{task.name}）：表单不接受：{reading.errors}")
            answers = reading.answers
        self._house.casework.complete_task(item.key, answers, by=person.username)
        self._settle()

    def _open_task(self, where: str, element_id: str, case_key: int) -> ItemView:
        case = self._house.worklist.case(case_key, self._auditor)
        open_tasks = [item for item in case.items if item.kind == "user_task" and item.state == "CREATED"]
        for item in open_tasks:
            if item.element_id == element_id:
                return item
        causes = "；".join(f"{i.element_name}：{i.cause}" for i in case.incidents)
        raise ScenarioError(
            f"{where}：没有待办任务 {element_id}；待办的是 {[item.element_id for item in open_tasks]}。"
            + (f"异常：{causes}" if causes else "")
        )

    def _attached(self, answers: Any, person: Person, case_key: int, item_key: int) -> Any:
        if isinstance(answers, Mapping):
            if set(answers) == {"attach"}:
                name = answers["attach"]
                attachment = self._house.casework.attach(
                    by=person.username, name=name, content=_picture(name), case_key=case_key, item_key=item_key
                )
                return attachment.as_answer()
            return {key: self._attached(part, person, case_key, item_key) for key, part in answers.items()}
        if isinstance(answers, list):
            return [self._attached(part, person, case_key, item_key) for part in answers]
        return answers

    def _person(self, scenario: Scenario, name: str) -> Person:
        for person in self._people:
            if person.username == name:
                return person
        for person in self._people:
            if name in person.groups:
                return person
        raise ScenarioError(f"{scenario.file}：没有名为“{name}”的人员或岗位。")

    def _pass(self, duration: timedelta) -> None:
        """Let time go by; whatever falls due on the way is done at its own time."""
        until = self._clock.now() + duration
        while (due := self._house.worker.next_due()) is not None and due <= until:
            self._clock.move_to(due)
            if not self._settle():
                break
        self._clock.move_to(until)
        self._settle()

    def _settle(self) -> int:
        done = 0
        while count := self._house.worker.run_once():
            done += count
        return done

    def _timeline(self, case_key: int) -> tuple[TimelineEntry, ...]:
        entries: list[TimelineEntry] = []
        before: int | None = None
        while page := self._house.worklist.timeline(case_key, self._auditor, before=before, limit=500):
            entries += page
            before = page[-1].seq
        return tuple(reversed(entries))

    def _compare(self, playback: Playback) -> None:
        expect, case = playback.scenario.expect, playback.case
        file = playback.scenario.file
        if case.incidents:
            raise ScenarioError(f"{file}：案件有异常：{[(i.element_name, i.cause) for i in case.incidents]}")
        if (finished := expect.get("finished")) is not None and finished != (case.case.state == "COMPLETED"):
            waiting = [item.element_id for item in case.items if item.state == "CREATED"]
            raise ScenarioError(f"{file}：结案应为 {finished}，实为 {case.case.state}，等待 {waiting}。")
        if "documents" in expect:
            made = sorted({document.template for document in case.documents if document.state == "READY"})
            if made != sorted(set(expect["documents"])):
                raise ScenarioError(f"{file}：文书应为 {sorted(set(expect['documents']))}，实为 {made}。")
        remaining = iter(playback.path)
        for element_id in expect.get("path", []):
            if element_id not in remaining:
                raise ScenarioError(f"{file}：经过中没有按次序出现 {element_id}；实为 {list(playback.path)}。")
        for name, value in expect.get("variables", {}).items():
            found: Any = case.variables
            for part in name.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
            if found != value:
                raise ScenarioError(f"{file}：变量 {name} 应为 {value!r}，实为 {found!r}。")


def _duration(where: str, text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ScenarioError(f"{where}：读不懂时长“{text}”，应如 P2D 或 PT30M。")
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `above` laid over `below`, nested objects part by part."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _over(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _picture(name: str) -> bytes:
    """Return a small picture that stands for the photo `name`, in the format its ending says."""
    image = Image.new("RGB", (640, 480), (226, 232, 240))
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 600, 440), outline=(71, 85, 105), width=6)
    draw.line((40, 440, 320, 180, 420, 300, 600, 120), fill=(71, 85, 105), width=6)
    target = io.BytesIO()
    image.save(target, {"png": "PNG", "webp": "WEBP", "pdf": "PDF"}.get(name.rpartition(".")[2].lower(), "JPEG"))
    return target.getvalue()
