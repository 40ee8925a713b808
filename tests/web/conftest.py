from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.office import ROOT, Office, open_office
from web.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environ(
        {"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(tmp_path), "HEJIE_DEMO": "1", "HEJIE_UPLOAD_MB": "1"}
    )


@pytest.fixture
def office(settings: Settings) -> Iterator[Office]:
    with open_office(settings) as opened:
        yield opened
