"""Settings are read once, and a bad one ends the start with a sentence that names it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.web.office import ROOT
from web.settings import Settings, SettingsError


def read(folder: Path, **environ: str) -> Settings:
    return Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(folder)} | environ)


def test_the_embedded_default_needs_nothing_and_keeps_its_key(tmp_path: Path) -> None:
    first = read(tmp_path)
    assert first.database_url == f"sqlite:///{tmp_path}/hejie.sqlite3"
    assert len(first.secret_key) == 64
    assert read(tmp_path).secret_key == first.secret_key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert first.secret_key not in repr(first)


def test_a_shared_database_needs_a_shared_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="缺少 HEJIE_SECRET_KEY"):
        read(tmp_path, HEJIE_DATABASE_URL="postgresql+psycopg://db/hejie")


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n", encoding="utf-8")
    assert read(tmp_path, HEJIE_SECRET_KEY_FILE=str(tmp_path / "key")).secret_key == "k" * 40
    with pytest.raises(SettingsError, match="只能设置一个"):
        read(tmp_path, HEJIE_SECRET_KEY="k" * 40, HEJIE_SECRET_KEY_FILE=str(tmp_path / "key"))
    with pytest.raises(SettingsError, match="HEJIE_SECRET_KEY_FILE"):
        read(tmp_path, HEJIE_SECRET_KEY_FILE=str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("HEJIE_DEMO", "vielleicht"),
        ("HEJIE_SECRET_KEY", "short"),
        ("HEJIE_SESSION_HOURS", "0"),
        ("HEJIE_UPLOAD_MB", "-1"),
        ("HEJIE_MAIL_URL", "mail.example.com"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read(tmp_path, **{name: value})


def test_readme_lists_every_setting() -> None:
    code = (ROOT / "web/settings.py").read_text(encoding="utf-8")
    named = set(re.findall(r'"((?:HEJIE_[A-Z_]+)|PORT)"', code))
    listed = set(re.findall(r"^\| `([A-Z_]+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named - listed == set()
