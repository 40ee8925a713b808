"""The house of the engine's tests, for tests that break things around it."""

from tests.engine.conftest import database, empty_sqlite, feel, house, make_house, postgresql

__all__ = ["database", "empty_sqlite", "feel", "house", "make_house", "postgresql"]
