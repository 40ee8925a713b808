"""Databases of a test's own on the real PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from sqlalchemy.engine import make_url

SERVER = make_url(os.environ.get("HEJIE_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"))


@contextmanager
def empty_postgresql() -> Iterator[str]:
    """Create a database without any table and give its URL; drop it in the end. No server is an error, not a skip."""
    admin = sqlalchemy.create_engine(SERVER, isolation_level="AUTOCOMMIT")
    name = f"hejie_{uuid.uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    try:
        yield SERVER.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()
