"""The process that checks templates."""

from __future__ import annotations

import base64
from dataclasses import astuple
from typing import Any

from documents import findings
from documents.checking import stopped
from documents.worker import serve


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the findings of one request."""
    files = {name: base64.b64decode(content) for name, content in request["files"].items()}
    try:
        found = findings.check(files)
    except MemoryError:
        found = [stopped("内存超出限额")]
    except RecursionError:
        found = [stopped("嵌套太深")]
    return {"found": [astuple(one) for one in found]}


if __name__ == "__main__":
    serve(lambda _: answer)
