"""The log: one JSON object a line, on standard error, without personal data.

What people type, and what is read from a case, never enters it. That is kept by form, not by care: a line holds only
the fields named here; messages of libraries appear without what was filled into them; of an error the log has the
class and the places it came through, not its text, which may quote what somebody typed.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

FIELDS: Final = ("request_id", "route", "method", "status", "ms", "user", "outcome", "signal", "count")
"""What a line of ours may carry beside time, level, logger and event, given as `extra=`."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request that this thread answers; None outside of one."""

_OURS = ("engine", "forms", "documents", "web")
_FRAMES = 40


class JsonLines(logging.Formatter):
    """Makes the lines."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event_of(record),
        }
        known = {"request_id": request_id.get(), **record.__dict__}
        line |= {name: known[name] for name in FIELDS if known.get(name) is not None}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = told(record.exc_info[1])
            line["trace"] = places(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=type)


def event_of(record: logging.LogRecord) -> str:
    """Return what happened: our own messages in full, a library's without its arguments."""
    if record.name.partition(".")[0] in _OURS:
        return record.getMessage()
    return record.msg if isinstance(record.msg, str) and record.args else f"message of {record.module}"


def told(error: BaseException) -> str:
    """Return the chain of an error's classes, each with the codes that tell operators what to do, and no more."""
    links: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(links) < 8:
        links.append(_link(seen))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " < ".join(links)


def _link(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, OSError) and error.strerror:
        return f"{name} (errno {error.errno}: {error.strerror})"
    code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    return f"{name} ({code})" if isinstance(code, str) else name


def places(error: BaseException) -> list[str]:
    """Return the places an error came through, outermost first, as `file:line function`."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send every log message of this process to `stream` (standard error) from now on. `level` as logging names it."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries say below WARNING what interests their authors, and some say much.
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
    for room in _OURS:
        logging.getLogger(room).setLevel(level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("web").critical("uncaught error", exc_info=(kind, error, trace))
