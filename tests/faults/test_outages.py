"""What is outside fails: the mail server, the clock, the disk, the database's connections."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from engine import journal
from engine.casework import errors
from engine.casework.results import CaseRef
from engine.database import Database
from engine.tables import attachment, case, document, number
from engine.worker import LEASE, Worker
from tests.engine import procedures
from tests.engine.conftest import House
from tests.engine.procedures import chain, el, end, file, headers, io, job, process, start, timer, user
from tests.fakes import DeliveryFailed
from tests.faults.threads import at_once

NOTICE = file(
    process(
        "notice",
        start(),
        job("tell", kind="notify", ext=io({"to": '=["a@x.cn", "b@x.cn"]', "subject": '="通知"', "body": '="请取货"'})),
        user("show"),
        end(),
        chain("s tell show e"),
    )
)
LETTER = file(
    process(
        "letters",
        start(),
        job("letter", kind="render_document", ext=headers(template="letter") + io({"name": "=name"})),
        user("show"),
        end(),
        chain("s letter show e"),
    )
) | {
    "documents/templates/letter/template.html": b"<p>{{ name }}</p>",
    "documents/templates/letter/meta.yaml": '{title: "答复函", series: "{org}-DF-{yyyymm}-{seq:04}"}'.encode(),
}


def persist(act: Callable[[], Any], failures: list[Exception]) -> None:
    """Try until it is done or was done already, as somebody does who sees an error page."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            act()
        except errors.TaskAlreadyCompleted:
            return
        except DBAPIError as error:
            failures.append(error)
            time.sleep(0.01)
        else:
            return
    raise AssertionError("a minute was not enough")


def both_done_once(house: House, refs: Sequence[CaseRef]) -> None:
    """These are all cases there are, and both branches of each were completed once."""
    for ref in refs:
        assert house.waits(ref.key) == ["user_task:after"]
        events = house.events(ref.key)
        assert [events.count(f"task:completed {side}") for side in ("left", "right")] == [1, 1]
        assert journal.verify(house.database, ref.key).intact
    with house.database.read() as tx:
        assert tx.execute(select(func.count()).select_from(case)).scalar_one() == len(refs)


class Post:
    """A mail server that takes each mail, and then may fail to say so. Remembers every key it was given."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch, *, answers: Callable[[int], None]) -> None:
        self.keys: list[str] = []
        self._deliver = house.notifier.send
        self._answers = answers
        monkeypatch.setattr(house.notifier, "send", self.send)

    def send(self, *, to: str, subject: str, body: str, idempotency_key: str) -> None:
        self.keys.append(idempotency_key)
        self._deliver(to=to, subject=subject, body=body, idempotency_key=idempotency_key)
        self._answers(len(self.keys))


class TestTheMailServer:
    def test_it_refuses_until_somebody_mends_it(self, house: House) -> None:
        house.deploy(NOTICE)
        house.notifier.refuse = [DeliveryFailed() for _ in range(3)]
        ref = house.casework.start_case("notice", by="alice")
        pauses = []
        while (due := house.worker.next_due()) is not None:
            pauses.append(due - house.clock.now())
            house.clock.at = due
            house.worker.run_once()
        assert pauses == [timedelta(0), timedelta(seconds=10), timedelta(minutes=1)]
        [incident] = house.worklist.incidents(house.person("root"))
        assert incident.cause == "通知没有送达。"
        assert house.notifier.sent == []
        house.casework.retry_incident(incident.item_key, by="root")
        house.worker.run_once()
        assert [sent.to for sent in house.notifier.sent] == ["a@x.cn", "b@x.cn"]
        assert house.waits(ref.key) == ["user_task:show"]
        assert house.worklist.incidents(house.person("root")) == ()

    def test_it_takes_the_mail_and_breaks_off_before_it_says_so(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first receiver's mail is offered again, under the key it had before."""

        def break_off(times: int) -> None:
            if times == 1:
                raise DeliveryFailed

        post = Post(house, monkeypatch, answers=break_off)
        house.deploy(NOTICE)
        ref = house.casework.start_case("notice", by="alice")
        house.worker.run_once()
        house.clock.advance(timedelta(minutes=1))
        house.worker.run_once()
        assert post.keys[0] == post.keys[1] != post.keys[2]
        assert len(post.keys) == 3
        assert [sent.to for sent in house.notifier.sent] == ["a@x.cn", "b@x.cn"]
        assert house.waits(ref.key) == ["user_task:show"]

    def test_it_is_slower_than_the_lease(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        """A second worker thinks the first dead and sends again with the same keys; the job is completed once."""
        slow, lease = threading.Event(), timedelta(minutes=5)
        taken = threading.Event()

        def answer(times: int) -> None:
            if times == 1:
                taken.set()
                assert slow.wait(30)

        post = Post(house, monkeypatch, answers=answer)
        house.deploy(NOTICE)
        ref = house.casework.start_case("notice", by="alice")
        first = threading.Thread(target=Worker(house.casework, house.database, clock=house.clock, lease=lease).run_once)
        first.start()
        assert taken.wait(30)
        house.clock.advance(lease)
        house.worker.run_once()
        assert house.waits(ref.key) == ["user_task:show"]
        slow.set()
        first.join()
        assert sorted(post.keys) == sorted(2 * list(dict.fromkeys(post.keys)))
        assert len(house.notifier.sent) == 2
        assert house.waits(ref.key) == ["user_task:show"]
        assert house.events(ref.key).count("job:completed tell") == 1
        assert house.worklist.incidents(house.person("root")) == ()


class TestTheClock:
    def test_a_month_ahead_and_a_day_back(self, house: House) -> None:
        """What is due meanwhile fires once, what is planned afterwards is never due before it was planned."""
        house.deploy(
            file(
                process(
                    "waits",
                    start(),
                    el("intermediateCatchEvent", "day", timer("P1D")),
                    user("work"),
                    el("intermediateCatchEvent", "week", timer("P7D")),
                    end(),
                    chain("s day work week e"),
                )
            )
        )
        refs = [house.casework.start_case("waits", by="alice") for _ in range(5)]
        house.clock.advance(timedelta(days=31))
        at_once([Worker(house.casework, house.database, clock=house.clock, batch=1).run_once for _ in range(3)])
        ahead = house.clock.now()
        house.clock.advance(timedelta(days=-1))
        assert house.worker.run_once() == 0
        for ref in refs:
            assert house.events(ref.key).count("timer:fired day") == 1
            house.casework.complete_task(house.open(ref.key)["work"], {}, by="alice")
        assert house.worker.run_once() == 0
        assert house.worker.next_due() == ahead + timedelta(days=6)
        house.clock.advance(timedelta(days=7))
        house.worker.run_once()
        for ref in refs:
            assert house.worklist.case(ref.key, house.person("root")).case.state == "COMPLETED"
            assert house.events(ref.key).count("timer:fired week") == 1
            assert journal.verify(house.database, ref.key).intact

    def test_reminders_of_a_month_come_as_one_and_go_on_from_now(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        house.clock.advance(timedelta(hours=1))
        house.worker.run_once()
        before = house.events(ref.key).count("timer:fired remind")
        house.clock.advance(timedelta(days=-1))
        assert house.worker.run_once() == 0
        house.clock.advance(timedelta(days=31))
        house.worker.run_once()
        events = house.events(ref.key)
        assert before == 1
        assert events.count("timer:fired escalate") == 1
        assert house.waits(ref.key) == ["user_task:late"]
        assert house.worker.next_due() is None

    def test_a_claim_made_in_a_future_that_was_none_is_taken_back(self, house: House) -> None:
        """A worker claims with a clock a month ahead and dies; after the correction the timer fires when it is due."""
        house.deploy(procedures.REMINDED)
        ref = house.casework.start_case("reminded", by="alice")
        planned = house.worker.next_due()
        house.clock.advance(timedelta(days=30))
        dead = Worker(house.casework, house.database, clock=house.clock)
        assert len(dead.claim(10)) == 2
        house.clock.advance(timedelta(days=-30))
        assert house.worker.next_due() == planned + timedelta(days=30) + LEASE - timedelta(hours=1)
        assert house.worker.take_back() == 2
        assert house.worker.take_back() == 0
        assert house.worker.run_once() == 0
        assert house.worker.next_due() == planned
        house.clock.at = planned
        house.worker.run_once()
        assert house.events(ref.key).count("timer:fired remind") == 1

    def test_a_claim_of_now_is_left_alone(self, house: House) -> None:
        house.deploy(procedures.REMINDED)
        house.casework.start_case("reminded", by="alice")
        house.clock.advance(timedelta(hours=4))
        assert len(Worker(house.casework, house.database, clock=house.clock).claim(10)) == 2
        assert house.worker.take_back() == 0
        assert house.worker.run_once() == 0


class TestTheDisk:
    @staticmethod
    def _fill(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_content: bytes) -> str:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(house.files, "write", full)

    def test_a_document_waits_for_space_and_keeps_its_number(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.deploy(LETTER)
        with monkeypatch.context() as disk:
            self._fill(house, disk)
            ref = house.casework.start_case("letters", {"name": "王女士"}, by="alice")
            house.worker.run_once()
            assert house.waits(ref.key) == ["job:letter"]
            assert house.worker.next_due() == house.clock.now() + timedelta(seconds=10)
        house.clock.advance(timedelta(seconds=10))
        house.worker.run_once()
        assert house.waits(ref.key) == ["user_task:show"]
        with house.database.read() as tx:
            assert tx.execute(select(document.c.number, document.c.state)).all() == [("HJ-DF-202611-0001", "READY")]
            assert tx.execute(select(func.count()).select_from(number)).scalar_one() == 2  # the case's and this
        assert journal.verify(house.database, ref.key).intact

    def test_full_to_the_last_try_is_an_incident_that_is_mended_by_hand(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        house.deploy(LETTER)
        with monkeypatch.context() as disk:
            self._fill(house, disk)
            ref = house.casework.start_case("letters", {"name": "王女士"}, by="alice")
            while (due := house.worker.next_due()) is not None:
                house.clock.at = due
                house.worker.run_once()
        [incident] = house.worklist.incidents(house.person("root"))
        assert "No space" not in incident.cause
        house.casework.retry_incident(incident.item_key, by="root")
        house.worker.run_once()
        assert house.waits(ref.key) == ["user_task:show"]
        with house.database.read() as tx:
            assert tx.execute(select(document.c.state)).scalars().all() == ["READY"]

    def test_an_upload_that_was_not_stored_is_not_in_the_database(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._fill(house, monkeypatch)
        with pytest.raises(OSError, match="No space"):
            house.casework.attach(by="alice", name="说明.txt", content="摔坏了".encode())
        with house.database.read() as tx:
            assert tx.execute(select(func.count()).select_from(attachment)).scalar_one() == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # where it is ours to say how large it may grow
class TestTheDatabasesDisk:
    def test_full_it_keeps_what_it_has_and_goes_on_when_there_is_space(self, house: House) -> None:
        house.deploy(procedures.PARALLEL)
        refs = [house.casework.start_case("parallel", by="alice")]

        def limit(pages: int) -> None:
            house.database.engine.dispose()  # each connection has a limit of its own
            event.listen(
                house.database.engine, "connect", lambda wire, _: wire.execute(f"PRAGMA max_page_count = {pages}")
            )

        with house.database.read() as tx:
            pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
        limit(pages + 20)

        def start_many() -> None:
            for _ in range(1_000):
                refs.append(house.casework.start_case("parallel", by="alice"))

        with pytest.raises(OperationalError, match="full"):
            start_many()
        [*_, task] = house.open(refs[-1].key).values()
        with pytest.raises(OperationalError, match="full"):
            house.casework.complete_task(task, {"text": "很长" * 90_000}, by="alice")
        assert house.worker.run_once() == 0
        limit(1_000_000)
        with house.database.read() as tx:
            assert set(tx.execute(select(case.c.key)).scalars()) == {ref.key for ref in refs}
        for ref in refs:
            for key in house.open(ref.key).values():
                house.casework.complete_task(key, {}, by="alice")
            left = [told for told in house.events(ref.key) if told == "task:completed left"]
            assert left == ["task:completed left"]
            assert journal.verify(house.database, ref.key).intact


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has none that could be ended
class TestPostgreSQLDropsConnections:
    """All connections to our own database are ended, again and again, while people work."""

    def test_what_was_acknowledged_is_there_and_a_retry_succeeds(self, house: House) -> None:
        house.deploy(procedures.PARALLEL)
        refs = [house.casework.start_case("parallel", by="alice") for _ in range(12)]
        todo = [(ref.key, key) for ref in refs for key in house.open(ref.key).values()]
        over = threading.Event()
        failures: list[Exception] = []

        def work(share: list[tuple[int, int]]) -> None:
            for _, key in share:
                persist(partial(house.casework.complete_task, key, {}, by="alice"), failures)

        def cut() -> int:
            times, pause = 0, 0.05
            while not over.is_set():
                times += self._cut(house.database)
                time.sleep(pause)
                pause *= 1.1  # on a busy machine nothing would ever come to its end
            return times

        def all_work() -> list[Any]:
            try:
                return at_once([partial(work, todo[number::4]) for number in range(4)])
            finally:
                over.set()

        cuts, outcomes = at_once([cut, all_work])
        assert outcomes == [None] * 4
        assert cuts > 0
        both_done_once(house, refs)

    @staticmethod
    def _cut(database: Database) -> int:
        ours = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        try:
            with database.read() as tx:
                return int(tx.execute(ours).scalar_one())
        except DBAPIError:
            return 0

    def test_a_worker_goes_on(self, house: House) -> None:
        house.deploy(NOTICE)
        finish = house.worker.start(interval=timedelta(seconds=0.05))
        try:
            refs = []
            for _ in range(6):
                persist(lambda: refs.append(house.casework.start_case("notice", by="alice")), [])
                self._cut(house.database)
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                house.clock.advance(timedelta(minutes=5))  # what was claimed when the connection went is due again
                with house.database.read() as tx:
                    found = list(tx.execute(select(case.c.key)).scalars())
                if all(house.waits(key) == ["user_task:show"] for key in found):
                    break
                time.sleep(0.05)
        finally:
            finish()
        assert {ref.key for ref in refs} <= set(found)
        assert [house.waits(key) for key in found] == [["user_task:show"]] * len(found)
        assert all(house.events(key).count("job:completed tell") == 1 for key in found)


class Server:
    """A PostgreSQL of our own, to be crashed."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._folder, self._program = folder, program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"

    def begin(self) -> None:
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C")
        self._start()

    def crash(self) -> None:
        """As when the power fails: nothing is written back, nobody is told; then it comes up again."""
        self._run("pg_ctl", "-s", "-D", "data", "-m", "immediate", "stop")
        self._start()

    def end(self) -> None:
        self._run("pg_ctl", "-s", "-D", "data", "-m", "immediate", "stop")

    def _start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-s", "-w", "-D", "data", "-l", "log", "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root; Debian's package brings the user.
        other = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if not os.getuid() else []
        command = [*other, str(self._program / program), *arguments]
        subprocess.run(command, cwd=self._folder, check=True, stdout=subprocess.DEVNULL, timeout=120)


class TestPostgreSQLCrashes:
    """Not the machine's, which others use: one of our own."""

    @pytest.fixture
    def server(self) -> Iterator[Server]:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not programs:
            pytest.skip("PostgreSQL's programs are not on this machine: the server that the tests use is another's")
        with tempfile.TemporaryDirectory(prefix="hejie-pg-") as folder:
            if not os.getuid():
                shutil.chown(folder, "postgres", "postgres")
            server = Server(Path(folder), programs[-1])
            server.begin()
            try:
                yield server
            finally:
                server.end()

    @pytest.fixture
    def database(self, server: Server) -> Iterator[Database]:
        database = Database(server.url)
        database.upgrade()
        yield database
        database.close()

    def test_under_load_nothing_is_lost_or_doubled(self, house: House, server: Server) -> None:
        house.deploy(procedures.PARALLEL)
        refs = [house.casework.start_case("parallel", by="alice") for _ in range(20)]
        todo = [(ref.key, key) for ref in refs for key in house.open(ref.key).values()]
        failures: list[Exception] = []
        halfway = threading.Barrier(5)

        def work(share: list[tuple[int, int]]) -> None:
            for turn, (_, key) in enumerate(share):
                if turn == 3:
                    halfway.wait(60)
                persist(partial(house.casework.complete_task, key, {}, by="alice"), failures)

        def crash() -> None:
            halfway.wait(60)
            server.crash()

        outcomes = at_once([crash, *(partial(work, todo[number::4]) for number in range(4))])
        assert outcomes == [None] * 5
        assert failures != []
        both_done_once(house, refs)
