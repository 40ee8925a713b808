"""What must never happen, made visible: a secret file, a folder nobody may write to, a server nobody may call."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Traps:
    """Put `fill` between a payload and its use; ask `sprung` afterwards."""

    secret: str
    file: Path
    touch: Path
    url: str
    calls: list[str] = field(default_factory=list)

    def fill(self, text: str) -> str:
        """Return the payload with the places of the traps in it: «file», «touch», «url»."""
        return text.replace("«file»", str(self.file)).replace("«touch»", str(self.touch)).replace("«url»", self.url)

    def sprung(self, *results: object) -> list[str]:
        """Say which traps were sprung; `results` is whatever came out, looked through for the secret."""
        found = [f"called {path}" for path in self.calls]
        if self.touch.exists():
            found.append("wrote a file")
        if any(self.secret in str(result) for result in results):
            found.append("told the secret")
        return found


@contextmanager
def set_traps(folder: Path) -> Iterator[Traps]:
    """Set them in `folder`; the server listens on this machine."""
    secret = f"SECRET{uuid.uuid4().hex}"
    file = folder / "secret.txt"
    file.write_text(secret, encoding="utf-8")
    calls: list[str] = []

    class Listening(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(secret.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Traps(secret, file, folder / "touched", f"http://127.0.0.1:{server.server_address[1]}", calls)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
