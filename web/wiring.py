"""Where everything is joined: one screen of constructor calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from documents.render import PdfRenderer
from engine.calendars import ChinaCalendar
from engine.casework import Casework
from engine.clock import SystemClock
from engine.database import Database
from engine.deployments import Deployments
from engine.feel import Feel
from engine.files import FileStore
from engine.identity import People
from engine.office_calendar import OfficeCalendar
from engine.operations import Operation
from engine.operations.cancel_deadline import CancelDeadline
from engine.operations.case_statistics import CaseStatistics
from engine.operations.compute_compensation import ComputeCompensation
from engine.operations.extend_deadline import ExtendDeadline
from engine.operations.meet_deadline import MeetDeadline
from engine.operations.notify import Notify
from engine.operations.number import Number
from engine.operations.open_deadline import OpenDeadline
from engine.operations.pause_deadline import PauseDeadline
from engine.operations.publish_message import PublishMessage
from engine.operations.render_document import RenderDocument
from engine.operations.resume_deadline import ResumeDeadline
from engine.operations.sample_cases import SampleCases
from engine.outside_identity import Outsiders
from engine.ports import Clock, Renderer
from engine.problems import Problem
from engine.records import Records
from engine.reports import Reports
from engine.runtime import Runtime
from engine.worker import Worker
from engine.worklist import Worklist
from forms import compile_form
from web.app import Services
from web.checking import CheckBundle, checker
from web.form_library import FormLibrary
from web.metering import MeteredCasework, MeteredRenderer, MeteredWorker
from web.monitoring import Monitoring
from web.notifiers import notifier
from web.settings import Settings
from web.throttle import Throttle


@dataclass(frozen=True)
class House:
    """All services of one process. `services` is the part that pages see."""

    settings: Settings
    clock: Clock
    feel: Feel
    casework: Casework
    worklist: Worklist
    records: Records
    reports: Reports
    calendar: OfficeCalendar
    identity: People
    outsiders: Outsiders
    deployments: Deployments
    files: FileStore
    forms: FormLibrary
    worker: Worker
    monitoring: Monitoring

    def check(self, files: Mapping[str, bytes]) -> list[Problem]:
        """Return everything that is wrong with a bundle."""
        return checker(self.feel, self.casework.operations)(files)

    def services(self) -> Services:
        return Services(
            casework=self.casework,
            worklist=self.worklist,
            records=self.records,
            reports=self.reports,
            calendar=self.calendar,
            identity=self.identity,
            outsiders=self.outsiders,
            deployments=self.deployments,
            files=self.files,
            clock=self.clock,
            forms=self.forms,
            throttle=Throttle(self.clock),
            monitoring=self.monitoring,
            check=self.check,
        )


@contextmanager
def open_house(settings: Settings, *, clock: Clock | None = None) -> Iterator[House]:
    """Open the database (bringing it up to date), the interpreter and the printer; close them at the end."""
    with ExitStack() as stack:
        clock = clock or SystemClock()
        database = Database(settings.database_url)
        stack.callback(database.close)
        database.upgrade()
        files = FileStore(settings.file_store)
        calendar = OfficeCalendar(database, clock=clock)
        feel = stack.enter_context(Feel(settings.root / "bundles" / "feel.js", calendar))
        monitoring = Monitoring(database, files, feel, clock)
        figures = monitoring.figures
        renderer = MeteredRenderer(stack.enter_context(PdfRenderer(workers=2)), figures)
        runtime = Runtime(feel)
        deployments = Deployments(database)
        casework = MeteredCasework(
            database,
            runtime,
            deployments,
            clock=clock,
            feel=feel,
            operations=vocabulary(settings, renderer, files),
            file_store=files,
            org_code=settings.organization.code,
            notifier=notifier(settings),
            office_hours=settings.organization.office_hours,
            wake=lambda: worker.wake(),  # noqa: PLW0108 - the worker is made below, out of this
            figures=figures,
        )
        people = People(database, clock=clock)
        worker: Worker = MeteredWorker(casework, database, clock=clock, figures=figures)
        yield House(
            settings=settings,
            clock=clock,
            feel=feel,
            casework=casework,
            worklist=Worklist(database, deployments, runtime, clock=clock),
            records=Records(database, deployments),
            reports=Reports(database, deployments, feel, clock=clock),
            calendar=calendar,
            identity=people,
            outsiders=Outsiders(database, people, clock=clock),
            deployments=deployments,
            files=files,
            forms=FormLibrary(partial(compile_form, feel=feel)),
            worker=worker,
            monitoring=monitoring,
        )


@contextmanager
def open_checker(settings: Settings) -> Iterator[CheckBundle]:
    """Open just what `hejie check` needs: no database, no printer process."""
    with ExitStack() as stack:
        calendar = ChinaCalendar()
        feel = stack.enter_context(Feel(settings.root / "bundles" / "feel.js", calendar))
        renderer = stack.enter_context(PdfRenderer())
        operations = vocabulary(settings, renderer, FileStore(settings.file_store))
        yield checker(feel, {operation.type: operation for operation in operations})


def vocabulary(settings: Settings, renderer: Renderer, files: FileStore) -> tuple[Operation, ...]:
    """Return every verb that a diagram may use."""
    return (
        CancelDeadline(),
        CaseStatistics(),
        ComputeCompensation(),
        ExtendDeadline(),
        MeetDeadline(),
        Notify(notifier(settings)),
        Number(),
        OpenDeadline(),
        PauseDeadline(),
        PublishMessage(),
        ResumeDeadline(),
        SampleCases(),
        RenderDocument(renderer, files, org=settings.organization.facts()),
    )
