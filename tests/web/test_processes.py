"""Real processes: many on one PostgreSQL, started at once and stopped by a signal."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.database import Database
from engine.deployments import Bundle
from tests.databases import empty_postgresql
from tests.web.office import ROOT
from web.cli import _deploy_folder
from web.settings import Settings
from web.wiring import open_house

HEJIE = [sys.executable, "-c", "from web.cli import main; main()"]
KEY = "a-key-of-thirty-two-characters-or-more"


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with one small procedure: checking a large one would take most of the time."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("bundles", "documents", "organization.yaml"):
        (root / name).symlink_to(ROOT / name)
    own = Path(__file__).parent / "refund"
    (root / "workflows").mkdir()
    (root / "forms").mkdir()
    for path in ("workflows/refund.bpmn", "workflows/refund_check.bpmn", "forms/refund", "forms/refund_check"):
        (root / path).symlink_to(own / path)
    return root


@pytest.fixture
def environment(root: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    with empty_postgresql() as url:
        yield {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HEJIE_", "PORT"))},
            "PYTHONPATH": str(ROOT),
            "HEJIE_ROOT": str(root),
            "HEJIE_DATA_DIR": str(tmp_path / "data"),
            "HEJIE_DATABASE_URL": url,
            "HEJIE_SECRET_KEY": KEY,
        }


@contextmanager
def running(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*HEJIE, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def asked(port: int, path: str, process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ask until somebody answers."""
    until = time.monotonic() + 120
    while True:
        assert process.poll() is None, process.communicate()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionError:
            assert time.monotonic() < until
            time.sleep(0.1)
        finally:
            connection.close()


def stopped(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Send SIGTERM; the process must end by itself, well. Return what it wrote."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out, err


def test_four_processes_may_upgrade_an_empty_database_at_once(environment: dict[str, str]) -> None:
    processes = [
        subprocess.Popen(
            [*HEJIE, "migrate"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    told = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], told
    database = Database(environment["HEJIE_DATABASE_URL"])
    assert not database.is_behind()
    database.close()


def test_a_database_that_is_not_there_is_said_in_a_sentence(environment: dict[str, str]) -> None:
    elsewhere = {**environment, "HEJIE_DATABASE_URL": "postgresql+psycopg://postgres@127.0.0.1:1/nothing"}
    done = subprocess.run([*HEJIE, "migrate"], env=elsewhere, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "数据库无法连接或升级" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_servers_and_two_workers_start_at_once_and_stop_when_told(environment: dict[str, str]) -> None:
    ports = [a_free_port() for _ in range(4)]
    served = [{**environment, "PORT": str(port)} for port in ports[:2]]
    worked = [{**environment, "HEJIE_METRICS_PORT": str(port)} for port in ports[2:]]
    with (
        running(served[0], "serve", "--no-worker") as one,
        running(served[1], "serve", "--no-worker") as two,
        running(worked[0], "worker", "--threads", "2") as three,
        running(worked[1], "worker") as four,
    ):
        processes = [one, two, three, four]
        for port, process in zip(ports, processes, strict=True):
            assert asked(port, "/readyz", process) == (200, '{"ready": true, "problems": {}}')
        assert asked(ports[0], "/tasks", one)[0] == 302
        assert asked(ports[2], "/tasks", three)[0] == 404
        assert "hejie_worker_last_look_timestamp_seconds" in asked(ports[3], "/metrics", four)[1]
        wrote = [stopped(process) for process in processes]
    database = Database(environment["HEJIE_DATABASE_URL"])
    with database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM deployment").scalar_one() == 1
    database.close()
    lines = [json.loads(line) for _, err in wrote for line in err.splitlines()]
    assert [line for line in lines if line["level"] in {"error", "critical"}] == []
    assert [line["route"] for line in lines if line["event"] == "request"] == ["/tasks", "unmatched"]


def test_a_start_never_undoes_what_was_deployed_since(root: Path, tmp_path: Path) -> None:
    settings = Settings.from_environ({"HEJIE_ROOT": str(root), "HEJIE_DATA_DIR": str(tmp_path / "data")})
    diagram, form = "workflows/refund.bpmn", "forms/refund/approve.form"
    with open_house(settings) as house:

        def start(*, changes: bool) -> Bundle:
            _deploy_folder(house, changes=changes)
            latest = house.deployments.latest()
            assert latest is not None
            return latest

        first = start(changes=False)
        assert first.files[diagram] == (root / diagram).read_bytes()
        assert start(changes=True).hash == first.hash

        theirs = first.files[diagram].replace("审批退款".encode(), "批准退款".encode())
        house.casework.deploy({diagram: theirs}, by="system", check=lambda files: [])
        assert start(changes=False).files[diagram] == theirs
        assert start(changes=True).files[diagram] == theirs

        ours = first.files[form].replace("同意".encode(), "准予".encode())
        assert ours != first.files[form]
        (root / "forms/refund").unlink()
        (root / "forms/refund").mkdir()
        for name in ("approve", "register"):
            content = ours if name == "approve" else first.files[f"forms/refund/{name}.form"]
            (root / f"forms/refund/{name}.form").write_bytes(content)
        assert start(changes=False).files[form] == first.files[form]
        last = start(changes=True)
        assert (last.files[diagram], last.files[form]) == (theirs, ours)


def test_a_taken_port_is_said_in_a_sentence(environment: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = {**environment, "PORT": str(other.getsockname()[1])}
        done = subprocess.run(
            [*HEJIE, "serve", "--no-worker"], env=taken, capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 1
    assert "上监听" in done.stderr
    assert "Traceback" not in done.stderr
