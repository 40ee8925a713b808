"""The process that prints."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from documents.errors import DocumentError, DocumentTooLarge, RendererStopped
from documents.fonts import Fonts
from documents.pdf import Press
from documents.worker import serve


def answer(press: Press, request: dict[str, Any]) -> dict[str, Any]:
    """Return the PDF, or the error, of one request."""
    files = {name: base64.b64decode(content) for name, content in request["files"].items()}
    issued_at = datetime.fromisoformat(request["issued_at"])
    try:
        if request["preview"]:
            rendered = press.preview(files, request["facts"], issued_at=issued_at)
        else:
            rendered = press.render(files, request["facts"], issued_at=issued_at, draft=request["draft"])
    except DocumentError as error:
        return error.to_json()
    except MemoryError:
        return DocumentTooLarge(cause="内存超出限额").to_json()
    except Exception as error:  # noqa: BLE001 - the parent must get an answer, whatever a library trips over
        return RendererStopped(cause=f"{type(error).__name__}: {error}").to_json()
    return {"pdf": base64.b64encode(rendered.pdf).decode(), "pages": rendered.pages}


def ready(settings: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what prints, with the fonts of the settings."""
    press = Press(Fonts([Path(one) for one in settings["fonts"]]), Path(settings["cache"]))
    return lambda request: answer(press, request)


if __name__ == "__main__":
    serve(ready)
