"""Watches the requests of an application: an id for each, a line in the log, and the figures."""

from __future__ import annotations

import logging
import re
import time
import uuid
from types import TracebackType

from flask import Flask, Response, g, request

from web import logging as lines
from web.monitoring import Figures

_log = logging.getLogger(__name__)

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
FOR_MACHINES = frozenset({"operations.healthz", "operations.readyz", "operations.metrics"})
# Asked every few seconds by machines, or many at once by every page.
_QUIET = FOR_MACHINES | {"asset", "static_file", "font"}


def install(app: Flask, figures: Figures, *, trust_ids: bool = False) -> None:
    """Watch `app`; call it before anything else is registered, so that nothing is answered unseen.

    `trust_ids`: take the request's id from `X-Request-ID`, which a proxy of ours has set.
    """

    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()
        given = request.headers.get("X-Request-ID", "") if trust_ids else ""
        g.request_id = given if _GIVEN_ID.fullmatch(given) else uuid.uuid4().hex
        lines.request_id.set(g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        # An error in a function before ours would leave nothing to measure from; there is none.
        seconds = time.perf_counter() - g.begun
        route = request.url_rule.rule if request.url_rule is not None else "unmatched"
        figures.request(route, request.method, response.status_code, seconds)
        person = g.get("person")
        _log.log(
            logging.DEBUG if request.endpoint in _QUIET and response.status_code < 500 else logging.INFO,
            "request",
            extra={
                "route": route,
                "method": request.method if request.method.isalpha() and len(request.method) < 10 else "other",
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
                "user": person.username if person is not None else None,
            },
        )
        response.headers["X-Request-ID"] = g.request_id
        return response

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        lines.request_id.set(None)

    def log_exception(
        exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> None:
        route = request.url_rule.rule if request.url_rule is not None else "unmatched"
        _log.error("request failed", exc_info=exc_info, extra={"route": route, "method": request.method})

    # Flask's own writes the address, which holds keys and what somebody put there.
    app.log_exception = log_exception  # type: ignore[method-assign]
