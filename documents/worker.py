"""How a process of ours serves: requests on its standard input, answers on its standard output.

A frame is four bytes of length and that much JSON. The process limits its own memory and ends itself when its
parent is gone or a request takes too long, so that nothing a template does outlives its time.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import IO, Any


def write_frame(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write one frame and flush it."""
    body = json.dumps(message).encode()
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> dict[str, Any] | None:
    """Return the next frame, None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    body = stream.read(struct.unpack(">I", head)[0])
    message: dict[str, Any] = json.loads(body)
    return message


def settings(time_limit: timedelta, memory_limit_bytes: int) -> dict[str, Any]:
    """Return what `serve` must be told."""
    seconds = max(1, int(time_limit.total_seconds() + 0.999))
    return {"memory_limit_bytes": memory_limit_bytes, "time_limit_seconds": seconds}


def serve(ready: Callable[[dict[str, Any]], Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
    """Limit this process and answer requests until the standard input ends.

    `ready` is given the settings and returns what answers.
    """
    given = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (given["memory_limit_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent; we end when its pipe closes
    # Whatever a library prints must not fall among the frames.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answering = ready(given)
    write_frame(output, {"ready": True})
    while (request := read_frame(sys.stdin.buffer)) is not None:
        signal.alarm(given["time_limit_seconds"] + 5)
        write_frame(output, answering(request))
        signal.alarm(0)
