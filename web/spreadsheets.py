"""A report as a spreadsheet. Every text is a text: what begins like a formula stays inert, also when edited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import xlsxwriter
from flask_babel import gettext

from engine.reports import Figures
from web.wording import dimension_name, dimension_value

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_SHEET_NAME = 31
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))

Cell = str | int | float | None


def of_report(figures: Figures) -> bytes:
    """Return the report as XLSX: the totals, the targets, one sheet for each dimension."""
    out = BytesIO()
    with xlsxwriter.Workbook(out, _OPTIONS) as book:
        sheets = _Sheets(book)
        sheets.add(gettext("概况"), [gettext("项目"), gettext("本期"), gettext("上期")], _totals(figures))
        if figures.kpis:
            sheets.add(
                gettext("指标"),
                [gettext("指标"), gettext("件数"), gettext("其中"), gettext("实际"), gettext("目标"), gettext("出处")],
                (
                    [kpi.target.name, kpi.of, kpi.counted, kpi.share, kpi.target.target, kpi.target.source]
                    for kpi in figures.kpis
                ),
                shares={3, 4},
            )
        for name, lines in figures.tables.items():
            sheets.add(
                dimension_name(name),
                [
                    dimension_name(name),
                    gettext("件数"),
                    gettext("占比"),
                    gettext("上期"),
                    gettext("变化"),
                    gettext("平时"),
                    gettext("热点"),
                ],
                (
                    [
                        dimension_value(line.value, name),
                        line.count,
                        line.share,
                        line.before,
                        line.change,
                        line.usual,
                        gettext("是") if line.hot else None,
                    ]
                    for line in lines
                ),
                shares={2, 4},
            )
    return out.getvalue()


def _totals(figures: Figures) -> Iterable[list[Cell]]:
    now, before = figures.totals, figures.before
    yield [gettext("报表"), figures.report.name, None]
    yield [gettext("时段"), f"{figures.first} – {figures.last}", None]
    yield [gettext("受理"), now.total, before.total]
    yield [gettext("已办结"), now.finished, before.finished]
    yield [gettext("办理中"), now.open, before.open]
    yield [gettext("已取消"), now.canceled, before.canceled]
    yield [gettext("有超期的案件"), now.overdue, before.overdue]
    yield [gettext("按期率"), now.on_time_share, before.on_time_share]


class _Sheets:
    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self._book = book
        self._head = book.add_format({"bold": True, "bottom": 1})
        self._share = book.add_format({"num_format": "0.0%"})
        self._quoted = book.add_format({"quote_prefix": True})
        self._names: set[str] = set()

    def add(
        self, name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]], *, shares: set[int] | None = None
    ) -> None:
        sheet = self._book.add_worksheet(self._free(name))
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, 0, 28)
        for column, text in enumerate(head):
            sheet.write_string(0, column, text, self._head)
        for number, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                self._write(
                    sheet,
                    number,
                    column,
                    value,
                    share=column in (shares or ()) or (isinstance(value, float) and shares is None),
                )

    def _write(self, sheet: Any, row: int, column: int, value: Cell, *, share: bool) -> None:
        if value is None:
            return
        if isinstance(value, str):
            sheet.write_string(row, column, value, self._quoted if value.startswith(_DANGEROUS) else None)
        else:
            sheet.write_number(row, column, value, self._share if share else None)

    def _free(self, name: str) -> str:
        """Return a name that a sheet may have and none has yet."""
        plain = name.translate(_FORBIDDEN).strip()[: _LONGEST_SHEET_NAME - 3] or "-"
        found, number = plain, 2
        while found.casefold() in self._names:
            found, number = f"{plain} {number}", number + 1
        self._names.add(found.casefold())
        return found
