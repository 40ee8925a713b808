"""`hejie verify`: what a restored house is checked by."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from engine.database import Database
from tests.web.office import ROOT, Office, open_office
from web import cli
from web.settings import Settings


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The data folder of a house with one case that has a document and a photograph."""
    settings = Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(tmp_path)})
    with open_office(settings) as office:
        _fill(office)
    return tmp_path


def _fill(office: Office) -> None:
    case = office.register()
    photo = io.BytesIO()
    Image.new("RGB", (20, 20)).save(photo, "JPEG")
    office.house.casework.attach(by="anna", name="票据.jpg", content=photo.getvalue(), case_key=case)
    for task, answers in (("compare", {"matches": True}), ("approve", {"agreed": "yes"})):
        office.house.casework.complete_task(office.open_tasks(case)[task], answers, by="bob")
    office.work()


def verify(data: Path) -> Result:
    return CliRunner().invoke(cli.main, ["verify"], env={"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(data)})


def test_a_whole_house(house: Path) -> None:
    result = verify(house)
    assert result.exit_code == 0, result.output
    assert "校验了 2 条流水" in result.output
    assert "2 个文件：0 处不符" in result.output


def test_a_file_that_is_gone_and_one_that_is_damaged(house: Path) -> None:
    gone, damaged = sorted(path for path in (house / "files").rglob("*") if path.is_file())
    gone.unlink()
    damaged.write_bytes(b"x")
    result = verify(house)
    assert result.exit_code == 1
    assert f"文件 {gone.name}：文件{gone.name[:12]}…不在存储中。" in result.output
    assert f"文件 {damaged.name}：存储中的文件与登记的校验值不符" in result.output
    assert "2 处不符" in result.output


def test_a_changed_journal(house: Path) -> None:
    database = Database(f"sqlite:///{house}/hejie.sqlite3")
    with database.begin() as tx:
        tx.exec_driver_sql("DROP TRIGGER journal_refuses_update")
        tx.exec_driver_sql("UPDATE journal SET actor = 'mallory' WHERE stream > 0 AND seq = 3")
    database.close()
    result = verify(house)
    assert result.exit_code == 1
    assert "第3条记录的内容与其校验值不符" in result.output
    assert "1 处不符" in result.output
