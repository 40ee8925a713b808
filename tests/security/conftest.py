"""The real application with somebody for every role, and somebody who has no business there."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy
from PIL import Image
from sqlalchemy.engine import make_url

from tests.web.office import PASSWORD, ROOT, Office, open_office
from web.settings import Settings

MORE_PEOPLE = {
    "nora": ("诺拉", []),  # has no group at all
    "stella": ("斯黛拉", ["第一接待人"]),  # starts the cases
    "victor": ("维克托", ["防损部"]),  # is handed a task by the administrator
}


def office_settings(folder: Path) -> Settings:
    return Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(folder), "HEJIE_UPLOAD_MB": "1"})


def welcome(office: Office) -> Office:
    for username, (name, groups) in MORE_PEOPLE.items():
        office.people.add(username, name, PASSWORD, groups, by="system")
    return office


@pytest.fixture(scope="module")
def shared_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One office for all tests of a module: for those that make their own cases."""
    with open_office(office_settings(tmp_path_factory.mktemp("office"))) as opened:
        yield welcome(opened)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(office_settings(tmp_path)) as opened:
        yield welcome(opened)


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A database of its own on the real PostgreSQL. No PostgreSQL is an error, not a skip."""
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


@pytest.fixture(params=["sqlite", "postgresql"])
def either_office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """An office on each database: they refuse different things."""
    settings = office_settings(tmp_path)
    if request.param == "postgresql":
        settings = replace(settings, database_url=request.getfixturevalue("postgresql_url"))
    with open_office(settings) as opened:
        yield welcome(opened)


def picture() -> bytes:
    content = io.BytesIO()
    Image.effect_noise((320, 240), 60).convert("RGB").save(content, "JPEG")
    return content.getvalue()
