"""Where it is measured: a database and a data folder of its own, with the procedures of the measurement and ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import quoteattr

from engine.database import Database
from engine.identity import ADMINISTRATORS, SYSTEM
from engine.measuring import own_database
from web import bundles
from web.benchmarks import printing
from web.settings import Settings
from web.wiring import House, open_house

PROCEDURES = Path(__file__).with_name("procedures")
GROUP = "基准"
PASSWORD = "measured-on-a-quiet-machine"  # noqa: S105 - of people who live as long as the measurement


@dataclass(frozen=True)
class Place:
    """One database, empty at first but for the deployment and the persons."""

    settings: Settings
    house: House
    database: Database
    crowd_groups: tuple[str, ...] = tuple(f"{GROUP}{number}" for number in range(1, 5))

    @property
    def on_postgresql(self) -> bool:
        return not self.settings.database_url.startswith("sqlite")

    def person(self, username: str, groups: tuple[str, ...] = (GROUP,)) -> str:
        """Register somebody who can sign in with `PASSWORD`, and return the username."""
        self.house.identity.add(username, "基准", PASSWORD, groups, by=SYSTEM)
        return username


@contextmanager
def open_place(settings: Settings, database: str | None) -> Iterator[Place]:
    """Open a place on the server of `database`, or on SQLite; nothing is left of it in the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="hejie-bench-")))
        url = stack.enter_context(own_database(database)) if database else f"sqlite:///{folder}/bench.sqlite3"
        own = replace(settings, data_dir=folder, database_url=url, files_url="", host="127.0.0.1", log_level="warning")
        house = stack.enter_context(open_house(own))
        files = bundles.collect(settings.root, ()) | bundles.collect(settings.root, [PROCEDURES])
        house.casework.deploy(files | _document(settings.root), by=SYSTEM, check=lambda _: [])
        tables = Database(url)
        stack.callback(tables.close)
        yield Place(own, house, tables)


def _document(root: Path) -> dict[str, bytes]:
    """Return the diagram that prints, with the facts of the first sample there is."""
    sample = next(printing.samples(root))
    path = "workflows/benchmark_document.bpmn"
    diagram = (PROCEDURES / path).read_text(encoding="utf-8")
    inputs = "".join(
        f"<zeebe:input source={quoteattr('=' + json.dumps(value, ensure_ascii=False))} target={quoteattr(name)} />"
        for name, value in sample.facts.items()
        if name not in {"document", "org"}
    )
    diagram = diagram.replace('value="benchmark"', f"value={quoteattr(sample.name)}")
    end = "</zeebe:taskHeaders>"
    diagram = diagram.replace(end, f"{end}<zeebe:ioMapping>{inputs}</zeebe:ioMapping>")
    return {path: diagram.encode()}


def everybodys_groups(house: House) -> tuple[str, ...]:
    """Return all lanes of the deployment, and the administrators': who has them may start and do everything."""
    bundle = house.deployments.latest()
    lanes = {
        element.lane
        for process in (bundle.diagrams.values() if bundle else ())
        for element in process.elements.values()
        if element.lane
    }
    return (*sorted(lanes), GROUP, ADMINISTRATORS)
