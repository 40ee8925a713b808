"""A list of letters (CSV or XLSX) read for the front door: every row by the form that the diagram names for it.

The columns are the labels of the form's fields. Either every row is right, or nothing is taken in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from engine import files
from engine.casework.receiving import Matter, Received
from engine.clock import SHANGHAI
from engine.entries import IMPORT, IMPORT_FORM, IMPORT_REFERENCE, entry_process
from engine.errors import EngineError
from engine.feel import FeelError
from forms import Form
from forms.components import SINGLE, Component
from forms.options import static
from web.wiring import House

ORIGIN = "letters"
MOST_ROWS = 5000
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]+(\d{1,2}):(\d{2})(?::\d{2})?)?")


class ListRefused(EngineError):
    """清单读不出来。"""


@dataclass(frozen=True)
class Wrong:
    """What is wrong with one cell, or with a row (`column` "")."""

    line: int
    column: str
    sentence: str

    def __str__(self) -> str:
        return f"第{self.line}行" + (f"“{self.column}”" if self.column else "") + f"：{self.sentence}"


@dataclass(frozen=True)
class Reading:
    """What a list comes to. With anything wrong, no matters."""

    matters: tuple[Matter, ...]
    wrong: tuple[Wrong, ...]


def read(house: House, name: str, content: bytes) -> Reading:
    """Return what a list holds, or everything that is wrong with it. Raise `ListRefused` if it is no list."""
    bundle = house.deployments.latest()
    process = entry_process(bundle, IMPORT) if bundle is not None else None
    file = bundle.forms.get(process.properties.get(IMPORT_FORM, "")) if bundle is not None and process else None
    if bundle is None or process is None or file is None:
        raise ListRefused("没有部署接收批量来函的流程。")
    form = house.forms.get(file, bundle.files[file])
    reference = process.properties[IMPORT_REFERENCE].removeprefix("=")
    return _Reader(house, form, reference).read(rows(name, content))


def take_in(house: House, reading: Reading, *, by: str) -> list[Received]:
    """Take in every matter of a list in which nothing is wrong; those that were before are left as they are."""
    return house.casework.take_in_all(IMPORT, reading.matters, by=by, origin=ORIGIN)


def rows(name: str, content: bytes) -> list[list[Any]]:
    """Return the cells of a list, row by row. Raise `ListRefused` for what is none."""
    found: list[list[Any]]
    try:
        if name.lower().endswith(".xlsx"):
            files.inspect(name, content)  # a bomb is refused before it is unpacked
            found = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        else:
            found = list(csv.reader(io.StringIO(_decoded(content)), strict=True))
    except (CalamineError, csv.Error, files.FileRefused, IndexError, ValueError) as error:
        raise ListRefused(f"“{name}”读不出来：应为 CSV（UTF-8 或 GB18030）或 XLSX（{error}）。") from error
    if len(found) > MOST_ROWS + 1:
        raise ListRefused(f"一次最多 {MOST_ROWS} 行，请分成几个文件。")
    return found


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


class _Reader:
    def __init__(self, house: House, form: Form, reference: str) -> None:
        self._house = house
        self._form = form
        self._reference = reference
        self._fields = {_label(field): field for field in form.fields if field.writable}
        self._labels = {".".join(field.path): label for label, field in self._fields.items()}

    def read(self, found: Sequence[Sequence[Any]]) -> Reading:
        if not found:
            raise ListRefused("清单是空的。")
        heads = [str(cell).strip() for cell in found[0]]
        wrong = list(self._heads(heads))
        if wrong:
            return Reading((), tuple(wrong))
        matters, seen = [], dict[str, int]()
        for line, cells in enumerate(found[1:], start=2):
            if not any(str(cell).strip() for cell in cells):
                continue
            answers, mistakes = self._row(line, dict(zip(heads, cells, strict=False)))
            wrong += mistakes
            if mistakes:
                continue
            reference = self._told_by(answers)
            if reference in seen:
                wrong.append(Wrong(line, "", f"与第{seen[reference]}行是同一份来函（{reference}）。"))
            seen.setdefault(reference, line)
            matters.append(Matter(answers, reference))
        if not matters and not wrong:
            raise ListRefused("清单里没有来函。")
        return Reading(() if wrong else tuple(matters), tuple(wrong))

    def _heads(self, heads: Sequence[str]) -> Iterable[Wrong]:
        for head in heads:
            if head and head not in self._fields:
                yield Wrong(1, head, f"不认识这一列；可用的列有：{'、'.join(self._fields)}。")
            elif head and heads.count(head) > 1:
                yield Wrong(1, head, "这一列写了两次。")
        for label, field in self._fields.items():
            if label not in heads and (field.attributes.get("validate") or {}).get("required"):
                yield Wrong(1, label, "缺少这一列。")

    def _row(self, line: int, cells: Mapping[str, Any]) -> tuple[dict[str, Any], list[Wrong]]:
        raw: dict[str, Any] = {}
        wrong = []
        for head, cell in cells.items():
            if not head:
                continue
            try:
                _put(raw, self._fields[head].path, _value(self._fields[head], cell))
            except ValueError as error:
                wrong.append(Wrong(line, head, str(error)))
        reading = self._form.read(raw, {}, now=self._house.clock.now())
        named = {each.column for each in wrong}
        for path, sentences in reading.errors.items():
            label = self._labels.get(path, path)
            if label not in named:
                wrong.append(Wrong(line, label, " ".join(sentences)))
        return reading.answers, wrong

    def _told_by(self, answers: Mapping[str, Any]) -> str:
        try:
            return str(self._house.feel.evaluate(self._reference, answers, now=self._house.clock.now()))
        except FeelError as error:
            raise ListRefused(f"流程写的来函编号“{self._reference}”算不出来：{error}") from error


def _label(field: Component) -> str:
    attributes = field.attributes
    return str(field.label or attributes.get("dateLabel") or ".".join(field.path))


def _put(raw: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        raw = raw.setdefault(step, {})
    raw[path[-1]] = value


def _value(field: Component, cell: Any) -> Any:
    """Return a cell as the form's answer holds it. Raise ValueError with a sentence for what cannot be one."""
    if field.type == "datetime":
        return _moment(field, cell)
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
    if field.type in SINGLE and text:
        options = static(field) or ()
        named = next((option.value for option in options if text in (option.label, option.value)), None)
        if named is None:
            raise ValueError(f"没有“{text}”这一项；可填：{'、'.join(option.label for option in options)}。")
        return named
    if field.type == "number":
        return text.replace(",", "").removeprefix("¥").removesuffix("元").strip() or None
    return text


def _moment(field: Component, cell: Any) -> str | None:
    exact = field.attributes.get("subtype") == "datetime"
    if isinstance(cell, datetime):
        at = cell
    elif isinstance(cell, date):
        at = datetime(cell.year, cell.month, cell.day, tzinfo=SHANGHAI)
    elif not str(cell).strip():
        return None
    else:
        match = _DATE.fullmatch(str(cell).strip())
        if match is None:
            raise ValueError(f"“{cell}”不是日期，应如 2026-11-23{' 09:30' if exact else ''}。")
        numbers = [int(part) for part in match.groups(default="0")]
        try:
            at = datetime(*numbers[:5], tzinfo=SHANGHAI)  # type: ignore[misc,arg-type] # five numbers
        except ValueError as error:
            raise ValueError(f"“{cell}”不是日历上的日子。") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=SHANGHAI)
    return at.isoformat() if exact else at.date().isoformat()
