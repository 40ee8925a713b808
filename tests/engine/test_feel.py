"""FEEL as expressions in diagrams, tables and forms use it, and the limits that hold it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time as clock
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.calendars import ChinaCalendar
from engine.deadlines import Deadline
from engine.feel import Duration, Feel, FeelError, text_value, to_json

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "bundles" / "feel.js"
NOW = datetime(2026, 9, 27, 18, 30, tzinfo=UTC)
"""In China already the 28th, half past two in the morning."""

CHINA = timezone(timedelta(hours=8))
VARIABLES = {
    "x": 5,
    "s": "abc",
    "投诉 金额": 6,
    "nested": {"a": 1, "list": [1, 2, 3]},
    "people": [{"name": "甲", "age": 30}, {"name": "乙", "age": 41}],
    "received_at": "2026-09-28T09:30:00+08:00",
    "price": "500.00",
    "parameters": {"limit": {"amount": 3, "unit": "calendar_days", "source": "店规第3条"}},
}


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    with Feel(SCRIPT, ChinaCalendar()) as interpreter:
        yield interpreter


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("x", 5),
        ("x + 1", 6),
        ("x / 2", 2.5),
        ('x > 3 and s = "abc"', True),
        ("missing", None),
        ("missing.deeper", None),
        ("product.name", None),  # also the name of a function
        ("duration.length", None),
        ("missing > 3", None),
        ("投诉 金额 * 2", 12),
        ("`投诉 金额` + 1", 7),
        ("nested.list[item > 1]", [2, 3]),
        ("people[age > 40].name", ["乙"]),
        ("for p in people return p.age", [30, 41]),
        ("some p in people satisfies p.age > 40", True),
        ('{a: 1, "b c": [1, null]}', {"a": 1, "b c": [1, None]}),
        ('if x > 9 then "big" else "small"', "small"),
        ('string length("𠮷䶮")', 2),
        ("number(price) >= 500", True),
        ("number(x)", 5),
        ('number("")', None),
        ('number("12,000.50", ",", ".")', 12000.5),
        ("1 / 0", None),
        ("get or else(missing, 3)", 3),
        ("is defined(missing)", False),
        ('is blank(" ")', True),
        ('trim(" a ")', "a"),
        ("is empty([])", True),
        ("string(x) + s", "5abc"),
        ("x in [1..5]", True),
        ("[1..3]", {"start": 1, "end": 3, "start included": True, "end included": True}),
    ],
)
def test_values(feel: Feel, expression: str, value: Any) -> None:
    assert feel.evaluate(expression, VARIABLES, now=NOW) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("now()", datetime(2026, 9, 28, 2, 30, tzinfo=CHINA)),
        ("string(now())", "2026-09-28T02:30:00+08:00"),
        ("today()", date(2026, 9, 28)),
        ("date(now())", date(2026, 9, 28)),
        ("date(received_at)", date(2026, 9, 28)),
        ('date("2026-09-28") = today()', True),
        ("date(2026, 9, 28) = today()", True),
        ('date("2026-13-01")', None),
        ("date and time(received_at)", datetime(2026, 9, 28, 9, 30, tzinfo=CHINA)),
        ('date and time("2026-09-28T09:30:00")', datetime(2026, 9, 28, 9, 30, tzinfo=CHINA)),
        ('date and time("2026-09-28T09:30:00") = date and time("2026-09-28T09:30:00")', True),
        ("date and time(received_at) > now()", True),
        ('time("10:00:00")', time(10, 0)),
        ('duration("PT36H")', timedelta(days=1, hours=12)),
        ('duration("P1Y2M")', Duration(14)),
        ("date and time(received_at) - now()", timedelta(hours=7)),
        ('today() + duration("P3D")', date(2026, 10, 1)),
        ('today() + duration("P1M")', date(2026, 10, 28)),
        ("day of week(today())", "Monday"),
        ("last day of month(today())", date(2026, 9, 30)),
        ('years and months duration(today(), date("2027-10-01"))', Duration(12)),
        ('@"2026-09-28"', date(2026, 9, 28)),
    ],
)
def test_time_comes_from_the_caller_and_is_chinese(feel: Feel, expression: str, value: Any) -> None:
    assert feel.evaluate(expression, VARIABLES, now=NOW) == value


def test_the_machines_time_zone_makes_no_difference() -> None:
    program = (
        "from datetime import *; from pathlib import Path\n"
        "from engine.feel import Feel; from engine.calendars import ChinaCalendar\n"
        f"with Feel(Path({str(SCRIPT)!r}), ChinaCalendar()) as feel:\n"
        "    now = datetime(2026, 9, 27, 18, 30, tzinfo=UTC)\n"
        "    texts = ['string(today())', 'string(date and time(\"2026-09-28T09:30:00\") - now())', "
        "'day of week(today())', 'string(date and time(\"1988-07-01T00:00:00\") - "
        'date and time("1988-07-01T00:00:00+09:00"))\']\n'
        "    print(feel.evaluate_all(texts, {}, now=now))"
    )
    expected = "['2026-09-28', 'PT7H', 'Monday', 'PT0S']"
    for zone, language in (
        ("America/New_York", "de_DE.UTF-8"),
        ("Asia/Shanghai", "zh_CN.UTF-8"),
        ("UTC", "C"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"TZ": zone, "LANG": language, "LC_ALL": language},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout.strip() == expected


def test_a_deadline_is_a_date_and_time_with_its_rule(feel: Feel) -> None:
    deadline = feel.evaluate("limit(received_at, parameters.limit)", VARIABLES, now=NOW)
    assert deadline == Deadline(datetime(2026, 10, 1, 16, tzinfo=UTC), "店规第3条", "自9月28日起第3个自然日24:00", "")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("workingDays(received_at, 5) > now()", True),
        ("workingDays(received_at, 1) - now()", timedelta(days=1, hours=21, minutes=30)),
        ("date(calendarDays(received_at, 3))", date(2026, 10, 2)),
        ("calendarDays(received_at, 3) = calendarDays(today(), 3)", True),
        ("limit(received_at, parameters.limit).rule", "店规第3条"),
        ("workingDays(from: received_at, n: 1).explanation", "自9月28日起第1个工作日24:00"),
        ('if x > 9 then workingDays(missing, 1) else "none"', "none"),
        ('if x > 9 then workingDays("2099-01-01", 1) else "none"', "none"),
        ("if workingDays(received_at, 1) > now() then 1 else calendarDays(missing, 1)", 1),
        ("count(for i in 1..50 return workingDays(received_at, i))", 50),
        ('rule(hours(received_at, 2), "主管要求").rule', "主管要求"),
        ('rule(now(), "主管要求").rule', "主管要求"),
    ],
)
def test_a_deadline_is_used_like_a_date_and_time(feel: Feel, expression: str, value: Any) -> None:
    assert feel.evaluate(expression, VARIABLES, now=NOW) == value


def test_deadline_functions_nest(feel: Feel) -> None:
    expression = 'rule(nextWorkingDay(calendarDays(received_at, 3)), "店规")'
    deadline = feel.evaluate(expression, VARIABLES, now=NOW)
    assert deadline.at == datetime(2026, 10, 8, 16, tzinfo=UTC)
    assert deadline.rule == "店规"
    assert deadline.explanation == "自9月28日起第3个自然日24:00，最后一日10月1日为国庆节，顺延至10月8日24:00"


def test_a_deadline_with_arithmetic_is_a_plain_date_and_time(feel: Feel) -> None:
    later = feel.evaluate('calendarDays(received_at, 3) + duration("PT1H")', VARIABLES, now=NOW)
    assert later == datetime(2026, 10, 2, 1, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("", "没有写完"),
        ("x +", "没有写完"),
        ("1 2", "第3个字符处的“2”"),
        ("nothing(3)", "“nothing(3)”里的函数不存在"),
        ("x.y(3)", "函数不存在"),
        ("function(a) a", "函数"),
        ("workingDays(received_at)", "应写成 workingDays(from, n)"),
        ("workingDays(missing, 1)", "起算时间还不知道"),
        ('workingDays("2031-01-01", 1)', "2031年的放假安排尚未公布"),
        ("date(1, 2, 3, 4, 5, 6)", "参数与函数不符"),
        ('[1.."a"]', "解释器报告"),
        ('rule(3, "x")', "rule 的第一个参数"),
        ("x" * 60_000, "超过50000个字符"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_chinese(feel: Feel, expression: str, cause: str) -> None:
    with pytest.raises(FeelError) as caught:
        feel.evaluate(expression, VARIABLES, now=NOW)
    assert cause in caught.value.cause
    assert caught.value.expression[:10] == expression[:10]
    assert caught.value.message.startswith("表达式")


def test_the_first_failing_expression_of_several_is_named(feel: Feel) -> None:
    with pytest.raises(FeelError) as caught:
        feel.evaluate_all(["1", "x +", "nothing()"], VARIABLES, now=NOW)
    assert caught.value.expression == "x +"


def test_an_explanation_has_warnings_and_what_was_read(feel: Feel) -> None:
    explained = feel.explain("x > 3 and missing.a > nested.b", VARIABLES, now=NOW)
    assert explained.value is None
    assert explained.warnings[0] == "变量“missing”不存在"
    assert explained.warnings[-1] == "没有名为“b”的项"
    assert explained.read == {"x": 5, "nested": VARIABLES["nested"]}


@pytest.mark.parametrize(
    ("cell", "value", "passes"),
    [
        ("", 3, True),
        ("-", None, True),
        ("> 10", 11, True),
        ("> 10", None, False),
        ('"a","b"', "b", True),
        ('not("a","b")', "b", False),
        ("[1..5]", 5, True),
        ("[1..5[", 5, False),
        ("]1..5]", 1, False),
        ("< 5, > 10", 11, True),
        ("? > x", 6, True),
        ('list contains(?, "a")', ["a", "c"], True),
        ("null", None, True),
        ("true", None, False),
        ("false", False, True),
        ('> date("2026-01-01")', date(2026, 2, 1), True),
        ("x", 5, True),
        ("not(null)", 5, True),
        ("get or else(?, 0) = 0", None, True),
    ],
)
def test_unary_tests(feel: Feel, cell: str, value: Any, passes: bool) -> None:
    assert feel.unary_tests([(cell, value)], VARIABLES, now=NOW) == [passes]


@pytest.mark.parametrize(
    ("expression", "unary", "fault"),
    [
        ("a > 3", False, None),
        ("", False, "没有写完"),
        ("", True, None),
        ("-", True, None),
        ('"a", [1..', True, "语法错误"),
        ("a >", False, "语法错误"),
        ("misspelt(a)", False, "函数“misspelt”不存在"),
        ("if a then b else misspelt(c)", False, "函数“misspelt”不存在"),
        ("{f: function(p) p + 1, r: f(2)}.r", False, None),
        ("workingDays(a, 3)", False, None),
        ("a instance of number", False, "instance of"),
    ],
)
def test_syntax(feel: Feel, expression: str, unary: bool, fault: str | None) -> None:
    found = feel.syntax_error(expression, unary=unary)
    assert found is None if fault is None else fault in (found or "")


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a + b.c * count(d)", {"a", "b", "d"}),
        ("for i in xs return i + z", {"xs", "z"}),
        ("some k in ks satisfies k = g", {"ks", "g"}),
        ("{a: q, b: a + 1}", {"q"}),
        ("function(p) p + w", {"w"}),
        ("limit(from, parameters.x)", {"from", "parameters"}),
        ("workingDays(from: a, n: b)", {"a", "b"}),
        ("中文 变量 > 3", {"中文 变量"}),
        ("date(t) < now()", {"t"}),
        ("a +", set()),
    ],
)
def test_names(feel: Feel, expression: str, names: set[str]) -> None:
    assert feel.names(expression) == names


def test_entries_are_the_names_that_a_context_gets(feel: Feel) -> None:
    assert feel.entries('{a: 1, "b c": {d: x}}') == {"a", "b c", "d"}


def test_a_text_without_an_equals_sign_is_itself(feel: Feel) -> None:
    assert text_value(feel, "x + 1", VARIABLES, NOW) == "x + 1"
    assert text_value(feel, "=x + 1", VARIABLES, NOW) == 6


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2026, 9, 28), "2026-09-28"),
        (datetime(2026, 9, 28, 2, 30, tzinfo=CHINA), "2026-09-28T02:30:00+08:00"),
        (timedelta(days=3, hours=4), "P3DT4H"),
        (timedelta(), "PT0S"),
        (timedelta(seconds=-90.5), "-PT1M30.5S"),
        (Duration(14), "P14M"),
        (Duration(-1, timedelta(hours=2)), "-P1MT2H"),
        (Decimal("500.00"), "500.00"),
        (Deadline(datetime(2026, 9, 28, tzinfo=UTC), "r", "e", ""), "2026-09-28T00:00:00+00:00"),
        ({"a": (date(2026, 9, 28), 1)}, {"a": ["2026-09-28", 1]}),
    ],
)
def test_json_for_a_variable(value: Any, text: Any) -> None:
    assert to_json(value) == text


@pytest.mark.parametrize(
    "value",
    [
        date(2026, 9, 28),
        datetime(2026, 9, 28, 2, 30, tzinfo=CHINA),
        time(10, 30),
        timedelta(days=3, milliseconds=5),
        Duration(14),
        Deadline(datetime(2026, 9, 28, tzinfo=UTC), "r", "e", "v"),
        {"deep": [date(2026, 9, 28), {"er": timedelta(1)}]},
    ],
)
def test_values_come_back_as_they_went_in(feel: Feel, value: Any) -> None:
    assert feel.evaluate("v", {"v": value}, now=NOW) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(value=JSON)
def test_any_json_comes_back_as_it_went_in(feel: Feel, value: Any) -> None:
    assert feel.evaluate("v", {"v": value}, now=NOW) == value


@pytest.mark.parametrize("value", [float("nan"), object(), {"deep": [object()]}])
def test_a_variable_that_is_no_value_is_named(feel: Feel, value: Any) -> None:
    with pytest.raises(FeelError, match="变量的值不能用于表达式"):
        feel.evaluate("v", {"v": value}, now=NOW)


def test_a_text_that_is_no_unicode_is_refused(feel: Feel) -> None:
    with pytest.raises(FeelError, match="无法表示的字符"):
        feel.evaluate("v", {"v": "\ud800"}, now=NOW)


def test_an_expression_can_change_nothing(feel: Feel) -> None:
    variables = {"list": [1, 2], "deep": {"a": 1}}
    feel.evaluate('[append(list, 3), context put(deep, "a", 2)]', variables, now=NOW)
    assert variables == {"list": [1, 2], "deep": {"a": 1}}


@pytest.mark.parametrize(
    "expression",
    [
        "count(for i in 1..1000000000 return i)",
        "every i in 1..1000000000 satisfies true",
        'matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", "^(a+)+$")',
        "(" * 20_000 + "1" + ")" * 20_000,
    ],
)
def test_a_limit_holds_and_the_next_evaluation_works(expression: str) -> None:
    """Which limit is met first, the parser's own among them, depends on the machine's speed."""
    with Feel(SCRIPT, ChinaCalendar(), time_limit=timedelta(seconds=0.5)) as feel:
        started = clock.monotonic()
        with pytest.raises(FeelError, match=r"超过时间限制（0\.5秒）|超过内存限制（64MB）|语法错误"):
            feel.evaluate(expression, {}, now=NOW)
        assert clock.monotonic() - started < 5
        assert feel.evaluate("1 + 1", {}, now=NOW) == 2


def test_the_memory_limit_holds_and_the_next_evaluation_works() -> None:
    with Feel(SCRIPT, ChinaCalendar(), time_limit=timedelta(seconds=60)) as feel:
        with pytest.raises(FeelError, match="超过内存限制（64MB）"):
            feel.evaluate("count(for i in 1..100000000 return {a: i})", {}, now=NOW)
        assert feel.evaluate("1 + 1", {}, now=NOW) == 2


def doubled(start: str, step: str, times: int, result: str) -> str:
    entries = [f"a0: {start}", *(f"a{n}: {step.replace('_', f'a{n - 1}')}" for n in range(1, times))]
    return "{" + ", ".join(entries) + f", r: {result}" + "}.r"


@pytest.mark.parametrize(
    "expression",
    [
        doubled('"xxxxxxxxxxxxxxxx"', "_ + _", 28, "upper case(a27)"),
        doubled('"xxxxxxxxxxxxxxxx"', "_ + _", 28, "a27 = a26 + a26"),
        doubled("[1, 2, 3, 4]", "concatenate(_, _)", 28, "count(a27)"),
        doubled("[1, 2]", "[_, _]", 40, "string(a39)"),
        doubled("[1, 2]", "[_, _]", 40, "a39"),
        'replace("' + "a" * 2_000 + '", "a", "' + "b" * 2_000 + '")',
        'replace("' + "a" * 2_000 + '", "a", "$0$0$0$0$0$0$0$0$0$0")',
        'string join(for i in 1..900 return "' + "a" * 2_000 + '", "")',
    ],
)
def test_no_expression_builds_a_giant(feel: Feel, expression: str) -> None:
    with pytest.raises(FeelError, match="太大"):
        feel.evaluate(expression, {}, now=NOW)


def test_a_deadline_in_a_runaway_loop_is_stopped(feel: Feel) -> None:
    with pytest.raises(FeelError, match=r"超过时间限制|超过2000个"):
        feel.evaluate('for i in 1..5000 return workingDays("2026-01-05", i)', {}, now=NOW)


def test_threads_share_an_interpreter(feel: Feel) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for step in range(40):
            value = feel.evaluate("a * 1000 + b", {"a": number, "b": step}, now=NOW)
            if value != number * 1000 + step:
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_after_closing_it_says_so() -> None:
    feel = Feel(SCRIPT, ChinaCalendar())
    assert feel.evaluate("1", {}, now=NOW) == 1
    feel.close()
    feel.close()
    with pytest.raises(FeelError, match="已经关闭"):
        feel.evaluate("1", {}, now=NOW)


def test_a_process_that_forgot_to_close_exits() -> None:
    program = (
        "from datetime import *; from pathlib import Path\n"
        "from engine.feel import Feel; from engine.calendars import ChinaCalendar\n"
        f"feel = Feel(Path({str(SCRIPT)!r}), ChinaCalendar())\n"
        "print(feel.evaluate('1 + 1', {}, now=datetime(2026, 1, 1, tzinfo=UTC)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "2"


def test_a_naive_time_is_refused(feel: Feel) -> None:
    with pytest.raises(ValueError, match="aware"):
        feel.evaluate("1", {}, now=datetime(2026, 1, 1))  # noqa: DTZ001 - that is what is tried
