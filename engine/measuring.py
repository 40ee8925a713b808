"""What measuring needs of the database: one of its own, and open cases by the million."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy
from sqlalchemy import Connection, Table, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from engine.database import Database, DatabaseProblem
from engine.tables import candidate, case, work_item

_FIRST_KEY = 1_000_000_000
"""Copies stand from here on, far beyond any key that is counted up while measuring."""
_SPREAD_SECONDS = 60 * 24 * 3600
_INSTANTS = frozenset({"due_at", "run_at", "follow_up_at", "sort_at"})


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """Create an empty database on the server of `url`, which must be PostgreSQL's, give its URL, and drop it again.

    Raise `DatabaseProblem` if the server does not answer or refuses.
    """
    server = make_url(url)
    if server.get_backend_name() != "postgresql":
        raise DatabaseProblem("这里只能给出 PostgreSQL 的地址：postgresql+psycopg://…。")
    admin = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    name = f"hejie_bench_{uuid.uuid4().hex[:12]}"
    try:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    except OperationalError as error:
        raise DatabaseProblem(f"数据库无法连接：{str(error.orig).strip().splitlines()[0]}") from error
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def copy_case(database: Database, case_key: int, *, copies: range, groups: Sequence[str]) -> None:
    """Write copies of a running case with its open items, numbered by `copies`; PostgreSQL only.

    Each copy's tasks are offered to one of `groups`, in turn; deadlines and timers are spread over sixty days.
    """
    with database.begin() as tx:
        bounds = {"first": copies.start, "last": copies.stop - 1, "proto": case_key}
        _copy(tx, case, "source.key = :proto", {"key": _key("0"), "number": "source.number || '-' || n"}, bounds)
        keys = tx.execute(
            text("SELECT key FROM work_item WHERE case_key = :proto AND state = 'CREATED' ORDER BY key"), bounds
        )
        for place, (item_key,) in enumerate(keys.all()):
            item = {**bounds, "item": item_key}
            _copy(tx, work_item, "source.key = :item", {"key": _key(str(place)), "case_key": _key("0")}, item)
            offered = " ".join(f"WHEN {number} THEN :group{number}" for number in range(len(groups)))
            changed = {
                "item_key": _key(str(place)),
                "case_key": _key("0"),
                "name": f"CASE n % {len(groups)} {offered} END",
            }
            named = {f"group{number}": group for number, group in enumerate(groups)}
            _copy(tx, candidate, "source.item_key = :item AND source.kind = 'group'", changed, {**item, **named})
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _key(place: str) -> str:
    return f"{_FIRST_KEY} + n * 16 + {place}"


def _copy(tx: Connection, table: Table, which: str, changed: Mapping[str, str], values: Mapping[str, object]) -> None:
    def copied(name: str) -> str:
        if name in changed:
            return changed[name]
        return f'source."{name}" + {_shift()}' if name in _INSTANTS else f'source."{name}"'

    names = ", ".join(f'"{column.name}"' for column in table.columns)
    selected = ", ".join(copied(column.name) for column in table.columns)
    used = {
        name: value for name, value in values.items() if re.search(rf":{name}\b", f"{which} {selected} :first :last")
    }
    tx.execute(
        text(
            f'INSERT INTO "{table.name}" ({names}) SELECT {selected} '  # noqa: S608 - names of our own tables
            f'FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n, "{table.name}" AS source '
            f"WHERE {which}"
        ),
        used,
    )


def _shift() -> str:
    # A step that shares no factor with the span: consecutive copies lie far apart in the lists.
    return f"(n * 7919 % {_SPREAD_SECONDS}) * 1000000"
