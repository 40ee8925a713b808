"""The whole house with a clock that stories move, on both databases."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.engine import make_url

from engine.identity import SYSTEM
from web import bundles, demo_data
from web.scenarios import PlayedClock, Player
from web.settings import Settings
from web.wiring import House, open_house

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Stage:
    """A house and a player in it."""

    house: House
    clock: PlayedClock
    player: Player


@pytest.fixture(scope="session")
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of this session's own: a SQLite file, or one on the real PostgreSQL (whose absence is an error)."""
    with _database(request.param, tmp_path_factory.mktemp("stage")) as url:
        yield url


@pytest.fixture(scope="session")
def stage(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with _opened(database_url, tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage for one module that changes what is deployed, on a database of its own."""
    folder = tmp_path_factory.mktemp("own-stage")
    with _database(request.param, folder) as url, _opened(url, folder) as opened:
        yield opened


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/stage.sqlite3"
        return
    server = make_url(os.environ.get("HEJIE_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"))
    admin = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"hejie_{uuid.uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()


@contextmanager
def _opened(database_url: str, folder: Path) -> Iterator[Stage]:
    settings = Settings.from_environ(
        {"HEJIE_DATA_DIR": str(folder), "HEJIE_DATABASE_URL": database_url, "HEJIE_SECRET_KEY": "k" * 32}
    )
    clock = PlayedClock(datetime(2026, 11, 20, 1, tzinfo=UTC))
    with open_house(replace(settings, root=ROOT), clock=clock) as house:
        house.casework.deploy(bundles.collect(ROOT, ()), by=SYSTEM, check=lambda _: [])
        yield Stage(house, clock, Player(house, clock, demo_data.add_people(house)))
