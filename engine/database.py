"""The connection to SQLite or PostgreSQL: transactions, their retries, and the schema's upgrade."""

from __future__ import annotations

import fcntl
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, InvalidatePoolError, OperationalError

from engine.errors import EngineError

_log = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).with_name("migrations")
_UPGRADE_LOCK = 0x48656A6965  # "Hejie": the advisory lock under which one process at a time upgrades
_TABLE_PATIENCE = "15s"
"""How long an upgrade waits for a table in use. While it waits, everybody else waits behind it."""
_UPGRADING = threading.Lock()
"""Alembic keeps its context in globals: one upgrade at a time in a process."""
_FRESH_SECONDS = 1.0
"""A connection of PostgreSQL used so lately is taken to be alive."""
_LOST_RACES = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock


class DatabaseProblem(EngineError):
    """数据库无法使用。"""


class UnfitValue(EngineError):
    """内容里有无法保存的字符或过大的数字，请修改后再试。"""


class Database:
    """One database, SQLite (a file) or PostgreSQL. Thread-safe.

    `sqlite:///path/hejie.db` or `postgresql+psycopg://user@host/name`. SQLite runs in WAL mode with full
    synchronisation: what was committed survives a power cut. Raise `DatabaseProblem` for any other address.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        address = make_url(url)
        self.dialect = address.get_backend_name()
        options: dict[str, Any] = {
            "pool_size": pool_size,
            "max_overflow": 30,
            "insertmanyvalues_page_size": 4000,
        }
        if self.dialect == "sqlite":
            if address.database in (None, "", ":memory:"):
                raise DatabaseProblem("SQLite 数据库需要一个文件路径，例如 sqlite:///data/hejie.db。")
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
            options["connect_args"] = {"timeout": 30}
        elif self.dialect != "postgresql":
            raise DatabaseProblem(f"不支持的数据库“{self.dialect}”，请使用 sqlite:///… 或 postgresql+psycopg://…。")
        self.engine: Engine = sqlalchemy.create_engine(address, **options)
        if self.dialect == "sqlite":
            self._turns = _Turns(Path(f"{address.database}-turns"))
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "checkin", _note_use)
            event.listen(self.engine, "checkout", self._look_whether_alive)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a writing transaction: committed once at the end, rolled back on any exception.

        A value that the database cannot hold (a NUL character, half a surrogate pair, a number over 64 bits) raises
        `UnfitValue`, here and in `read`.
        """
        with _fit(), self._begin() as connection:
            yield connection

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        if self.dialect == "sqlite":
            with (
                self._turns.mine(),
                self.engine.connect().execution_options(hejie_write=True) as connection,
                connection.begin(),
            ):
                yield connection
        else:
            with self.engine.begin() as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction for questions; nothing is kept of it.

        In SQLite all of it sees one moment, in PostgreSQL each statement its own, as in any READ COMMITTED
        transaction: there it is not begun at all, which saves two ways to the server and back.
        """
        with _fit(), self.engine.connect() as connection:
            if self.dialect == "postgresql":
                connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    def upgrade(self) -> None:
        """Bring the schema to the newest version. Any number of processes may call it at once.

        Raise `DatabaseProblem` if the database does not answer or cannot be upgraded now.
        """
        try:
            self._upgrade()
        except OperationalError as error:
            cause = str(error.orig).strip().splitlines() or [type(error).__name__]
            raise DatabaseProblem(f"数据库无法连接或升级：{cause[0]}") from error

    def _upgrade(self) -> None:
        with _UPGRADING, self.begin() as connection:
            if self.dialect == "postgresql":
                connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_TABLE_PATIENCE}'")
            config = _alembic()
            if self._version(connection) not in (None, *_known_versions(config)):
                # Migrations leave in place what the release before them reads, so this program can go on.
                _log.warning("the database was upgraded by a newer program")
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def is_behind(self) -> bool:
        """Say whether the schema lacks a migration of this program. A newer program's schema is not behind."""
        config = _alembic()
        with self.read() as connection:
            version = self._version(connection)
        head = ScriptDirectory.from_config(config).get_current_head()
        return version != head and version in (None, *_known_versions(config))

    @staticmethod
    def _version(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    def _look_whether_alive(self, connection: Any, record: Any, _proxy: Any) -> None:
        """Ask an idle connection for a sign of life; if there is none, all the pool's are opened anew.

        One used a moment ago, whose server has not hung up, is not asked: that would be a statement more for every
        transaction under load.
        """
        if time.monotonic() - record.info.get("used", 0.0) < _FRESH_SECONDS and not _has_news(connection):
            return
        try:
            self.engine.dialect.do_ping(connection)
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    def watch(self, *, statement: Callable[[], None], commit: Callable[[], None]) -> None:
        """Call these at every statement sent (but the beginnings of transactions) and at every commit."""

        def sent(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
            if not text.startswith("BEGIN"):
                statement()

        event.listen(self.engine, "before_cursor_execute", sent)
        event.listen(self.engine, "commit", lambda _connection: commit())

    def close(self) -> None:
        self.engine.dispose()
        if self.dialect == "sqlite":
            self._turns.close()


class _Turns:
    """Whose turn it is to write: SQLite has one writer anyway, and whoever polls its lock may starve beside busy ones.

    Threads queue in this process, and one of each process at a lock of the system, which ends with its holder.
    """

    def __init__(self, path: Path) -> None:
        self._threads = threading.RLock()
        self._depth = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def mine(self) -> Iterator[None]:
        with self._threads:
            if self._depth == 0:
                fcntl.flock(self._file, fcntl.LOCK_EX)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the lock's file back. Closing twice does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _known_versions(config: Config) -> list[str]:
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]


@contextmanager
def _fit() -> Iterator[None]:
    try:
        yield
    except (DataError, OverflowError, UnicodeEncodeError) as error:
        raise UnfitValue from error


def lost_a_race(error: DBAPIError) -> bool:
    """Say whether the whole transaction may simply be run again: a deadlock, or a connection that went away.

    A connection lost while committing is no lost race: nobody knows whether the commit took place.
    """
    return getattr(error.orig, "sqlstate", None) in _LOST_RACES


def is_busy(error: OperationalError) -> bool:
    """Say whether SQLite's one writer held the file for longer than our patience."""
    return "database is locked" in str(error.orig)


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _has_news(connection: Any) -> bool:
    """Say whether something has come that nobody asked for: a server that ends a connection says so."""
    wire = select.poll()
    wire.register(connection.fileno(), select.POLLIN)
    return bool(wire.poll(0))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, see `_begin_sqlite`
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "busy_timeout = 30000",
        "cache_size = -16000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A plain BEGIN takes the write lock only at the first write, and then fails if another process wrote meanwhile.
    write = connection.get_execution_options().get("hejie_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
