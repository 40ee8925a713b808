"""Settings of many processes: shared files, and values that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.office import ROOT, open_office
from web.settings import Settings, SettingsError


def settings(tmp_path: Path, **environ: str) -> Settings:
    return Settings.from_environ({"HEJIE_ROOT": str(ROOT), "HEJIE_DATA_DIR": str(tmp_path / "data"), **environ})


def test_files_lie_in_the_data_folder(tmp_path: Path) -> None:
    assert settings(tmp_path).file_store == str(tmp_path / "data" / "files")


@pytest.mark.parametrize("where", ["memory://hejie-test", "folder"])
def test_files_lie_where_the_setting_says(where: str, tmp_path: Path) -> None:
    url = str(tmp_path / "shared") if where == "folder" else where
    elsewhere = settings(tmp_path, HEJIE_FILES_URL=url)
    with open_office(elsewhere) as office:
        case = office.register()
        for task, answers in (("compare", {"matches": True}), ("approve", {"agreed": "yes"})):
            office.house.casework.complete_task(office.open_tasks(case)[task], answers, by="bob")
        office.work()
        auditor = office.house.identity.find("audra")
        assert auditor is not None
        [document] = office.house.worklist.case(case, auditor).documents
        # Another process opens the same address.
        with open_office(settings(tmp_path / "other", HEJIE_FILES_URL=url)) as other:
            assert other.house.files.read(document.sha256 or "").startswith(b"%PDF-")
        assert office.client("bob").get(f"/documents/{document.key}/pdf").data.startswith(b"%PDF-")
        assert office.client().get("/readyz").status_code == 200
    assert not (tmp_path / "data" / "files").exists()
    if where == "folder":
        assert [path.name for path in (tmp_path / "shared").rglob("*") if path.is_file()] == [document.sha256]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HEJIE_FILES_URL", "nowhere://bucket", "不认识"),
        ("HEJIE_FILES_URL", "s3://bucket/files", "须另装软件包"),  # s3fs is an extra
        ("HEJIE_THREADS", "0", "1 到 64"),
        ("HEJIE_STOP_SECONDS", "soon", "0 到 600"),
        ("HEJIE_METRICS_PORT", "70000", "0 到 65535"),
        ("HEJIE_LOG_LEVEL", "loud", "info"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, **{name: value})
    assert name in str(caught.value)
    assert said in str(caught.value)


def test_a_kept_key_is_its_owners_only_and_stays(tmp_path: Path) -> None:
    first = settings(tmp_path).secret_key
    assert settings(tmp_path).secret_key == first
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]
