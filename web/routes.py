"""Every address of the product, on one page.

A route is open to people who are signed in unless it says PUBLIC. What a person may see or do beyond that is
decided by the use cases and questions of the engine, never here. No address carries personal data: searches
are posted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import BaseConverter

from web.pages import (
    account,
    attachments,
    audit,
    calendar,
    case,
    deployments,
    documents,
    incidents,
    operations,
    outside,
    people,
    public,
    reports,
    search,
    sign_in,
    start,
    supplement,
    task,
    work_list,
)

PUBLIC = True


@dataclass(frozen=True)
class Route:
    """One address and the function that answers it; the function's module and name are its endpoint."""

    methods: str
    path: str
    view: Callable[..., Any]
    public: bool = False

    @property
    def endpoint(self) -> str:
        return f"{self.view.__module__.rpartition('.')[2]}.{self.view.__name__}"


ROUTES = (
    # Coming and going
    Route("GET", "/", sign_in.home),
    Route("GET", "/sign-in", sign_in.form, PUBLIC),
    Route("POST", "/sign-in", sign_in.enter, PUBLIC),
    Route("GET", "/sign-in/outside", outside.begin, PUBLIC),
    Route("GET", "/sign-in/outside/back", outside.enter, PUBLIC),
    Route("POST", "/sign-out", sign_in.leave, PUBLIC),
    Route("GET", "/session", sign_in.session_state, PUBLIC),
    Route("POST", "/language", sign_in.language, PUBLIC),
    Route("GET", "/account", account.show),
    Route("POST", "/account/password", account.change_password),
    Route("POST", "/account/sign-out-everywhere", account.sign_out_everywhere),
    # Work list and tasks
    Route("GET POST", "/tasks", work_list.show),
    Route("GET", "/tasks/<key:key>", task.show),
    Route("GET", "/tasks/<key:key>/similar", task.similar),
    Route("POST", "/tasks/<key:key>/claim", task.claim),
    Route("POST", "/tasks/<key:key>/release", task.release),
    Route("POST", "/tasks/<key:key>/assign", task.assign),
    Route("POST", "/tasks/<key:key>/draft", task.save_draft),
    Route("POST", "/tasks/<key:key>/complete", task.complete),
    # Cases
    Route("GET", "/start", start.show),
    Route("POST", "/start/<process_id>", start.begin),
    Route("GET POST", "/cases", search.show),
    Route("GET", "/cases/<key:key>", case.show),
    Route("GET", "/cases/<key:key>/timeline", case.timeline),
    Route("GET", "/cases/<key:key>/documents", case.documents),
    Route("GET", "/cases/<key:key>/diagrams/<process_id>", case.diagram),
    Route("POST", "/cases/<key:key>/comments", case.comment),
    Route("POST", "/cases/<key:key>/cancel", case.cancel),
    Route("GET", "/supplements/<key:key>", supplement.show),
    Route("POST", "/supplements/<key:key>", supplement.tell),
    Route("POST", "/cases/<key:key>/merge", case.merge),
    Route("POST", "/cases/<key:key>/reopen", case.reopen),
    # Files
    Route("POST", "/attachments", attachments.upload),
    Route("GET", "/attachments/<key:key>", attachments.download),
    Route("GET", "/attachments/<key:key>/thumbnail", attachments.thumbnail),
    Route("GET", "/documents/<key:key>", documents.show),
    Route("GET", "/documents/<key:key>/pdf", documents.pdf),
    # Counting
    Route("GET", "/reports", reports.show),
    Route("GET", "/reports/cases", reports.cases),
    Route("GET", "/reports/xlsx", reports.xlsx),
    # Running the house
    Route("GET", "/incidents", incidents.show),
    Route("POST", "/incidents/<key:item_key>/retry", incidents.retry),
    Route("GET", "/deployments", deployments.show),
    Route("POST", "/deployments", deployments.deploy),
    Route("GET", "/calendar", calendar.show),
    Route("POST", "/calendar", calendar.save),
    Route("POST", "/calendar/drop", calendar.drop),
    Route("GET", "/people", people.show),
    Route("POST", "/people", people.add),
    Route("POST", "/people/edit", people.edit),
    Route("POST", "/people/change", people.change),
    Route("POST", "/people/sign-out", people.sign_out),
    # For everybody, without an account
    Route("GET", "/public/complaint", public.complaint, PUBLIC),
    Route("POST", "/public/complaint", public.submit, PUBLIC),
    Route("POST", "/public/attachments", public.upload, PUBLIC),
    Route("GET", "/public/received", public.received, PUBLIC),
    Route("GET POST", "/public/status", public.status, PUBLIC),
    # For machines
    Route("GET", "/healthz", operations.healthz, PUBLIC),
    Route("GET", "/readyz", operations.readyz, PUBLIC),
    Route("GET", "/metrics", operations.metrics, PUBLIC),
    # Auditing
    Route("GET", "/audit/documents", audit.documents),
    Route("GET POST", "/audit/journal", audit.journal),
)


class KeyConverter(BaseConverter):
    """A key of the database: up to 18 digits, so that it fits 64 bits."""

    regex = r"\d{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)


def install(app: Flask) -> None:
    """Add the table to `app`."""
    app.url_map.converters["key"] = KeyConverter
    for route in ROUTES:
        app.add_url_rule(route.path, route.endpoint, route.view, methods=route.methods.split())


PUBLIC_ENDPOINTS = frozenset(route.endpoint for route in ROUTES if route.public) | {
    "asset",
    "static_file",
    "font",
}
