"""Many rows in one short statement.

A statement with a place for each value of each row is long, different for every number of rows, and costs the driver
more than the database. Here the rows travel as one JSON text, and the statement of a table is always the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Integer,
    LargeBinary,
    Table,
    TextClause,
    TypeDecorator,
    text,
)

from engine.tables import AnyRow

_Fill = Callable[[Mapping[str, Any]], Any]


def insert_rows(
    tx: Connection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    returning: Sequence[str] = (),
    on_conflict: str = "",
) -> Sequence[AnyRow]:
    """Insert the rows, in one statement, and return the columns named in `returning`, in any order.

    `on_conflict` is SQL that both databases understand. Columns a row leaves out get the table's default. Not for
    tables with binary columns.
    """
    filled = [{name: fill(row) for name, fill in _fillers(table)} for row in rows]
    if not filled:
        return ()
    statement = _statement(table, tx.dialect.name, tuple(returning), on_conflict)
    result = tx.execute(statement, {"rows": json.dumps(filled, ensure_ascii=False)})
    return result.all() if returning else ()


@cache
def _statement(table: Table, dialect: str, returning: tuple[str, ...], on_conflict: str) -> TextClause:
    names = [name for name, _ in _fillers(table)]
    if dialect == "postgresql":
        typed = ", ".join(f'"{name}" {_postgresql_type(table.c[name])}' for name in names)
        source = f"{_list(names)} FROM json_to_recordset(CAST(:rows AS json)) AS given({typed})"
    else:
        values = ", ".join(f"json_extract(value, '$.{name}')" for name in names)
        source = f"{values} FROM json_each(:rows) WHERE true"  # without WHERE, ON CONFLICT reads as a join
    insert = f'INSERT INTO "{table.name}" ({_list(names)}) SELECT {source}'
    parts = [insert, on_conflict]
    if returning:
        parts.append(f"RETURNING {_list(returning)}")
    return text(" ".join(part for part in parts if part))


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@cache
def _fillers(table: Table) -> tuple[tuple[str, _Fill], ...]:
    return tuple((column.name, _filler(column)) for column in table.columns if column is not table.autoincrement_column)


def _filler(column: Column[Any]) -> _Fill:
    if isinstance(column.type, LargeBinary):
        raise TypeError(f"{column} is binary, and JSON text cannot carry it")
    name = column.name
    default = getattr(column.default, "arg", None)
    convert = column.type.process_bind_param if isinstance(column.type, TypeDecorator) else None
    if isinstance(column.type, Date):
        return lambda row: row[name].isoformat()
    if convert is None:
        return lambda row: row.get(name, default)
    return lambda row: convert(row.get(name, default), None)  # type: ignore[arg-type] # ours ask no dialect


def _postgresql_type(column: Column[Any]) -> str:
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, Boolean | Date):
        return "boolean" if isinstance(kind, Boolean) else "date"
    return "bigint" if isinstance(kind, BigInteger | Integer) else "text"
