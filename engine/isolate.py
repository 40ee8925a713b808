"""A V8 isolate that runs one script under a time and a memory limit, and a small pool of them.

The isolate is asked through mini-racer's own entry points (`_ctx`): its public `eval` hops through an
asyncio loop in another thread, which costs several times what an expression costs. They are used in
`Isolate` only, and setup.cfg pins the version.
"""

from __future__ import annotations

import atexit
import json
import queue
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from py_mini_racer import JSEvalException, JSOOMException, MiniRacer

SYNCHRONOUS = 0
"""mini-racer's id for a task whose result is put in the context's queue."""


class IsolateDied(Exception):
    """The isolate was stopped and must be thrown away. `limit` says why."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class Isolate:
    """One isolate with `script` loaded. Not for two threads at once."""

    def __init__(self, script: str, *, time_limit: timedelta, memory_limit_bytes: int) -> None:
        self._time_limit = time_limit
        self._racer = MiniRacer()
        self._racer.eval(script)
        # After loading: the limit is checked when V8 collects garbage.
        self._racer.set_hard_memory_limit(memory_limit_bytes)

    def call(self, function: str, argument: str) -> str:
        """Return the text that the script's `function` gives for the text `argument`.

        Raise `IsolateDied` when it ran out of time or memory.
        """
        context: Any = self._racer._ctx
        code = context._python_to_value_handle(f"{function}({json.dumps(argument, ensure_ascii=False)})")
        task = context._dll.mr_eval(context._ctx, code.raw, SYNCHRONOUS)
        try:
            reply = context._non_cancelable_mr_task_results_queue.get(timeout=self._time_limit.total_seconds())
            return str(context._value_handle_to_python(reply))
        except queue.Empty:
            raise IsolateDied("time") from None
        except JSOOMException:
            raise IsolateDied("memory") from None
        except JSEvalException as error:
            raise IsolateDied(str(error)) from error
        finally:
            # Ignored for a task that is done; one that is not (late, interrupted) would hold up closing.
            context._dll.mr_cancel_task(context._ctx, task)

    def heap_bytes(self) -> int:
        """Return how much memory V8 uses for this isolate's objects."""
        return int(self._racer.heap_stats()["used_heap_size"])

    def close(self) -> None:
        """Free the isolate."""
        self._racer.close()


class IsolatePool:
    """Up to `size` isolates, opened when needed, shared by any number of threads.

    An isolate that died is replaced. Every pool still open is closed when the process exits: an open
    isolate would keep it from exiting.
    """

    def __init__(self, script: str, *, size: int, **limits: Any) -> None:
        self._script = script
        self._limits = limits
        self._free = threading.Semaphore(size)
        self._idle: list[Isolate] = []
        self._guard = threading.Lock()
        self._closed = False
        _open_pools.add(self)

    @contextmanager
    def isolate(self) -> Iterator[Isolate]:
        """Lend an isolate; wait while all are lent. One that dies in the caller's hands is not lent again."""
        with self._free:
            with self._guard:
                if self._closed:
                    raise IsolateDied("closed")
                isolate = self._idle.pop() if self._idle else None
            isolate = isolate or Isolate(self._script, **self._limits)
            try:
                yield isolate
            except BaseException:  # also an interruption in the middle of a task
                isolate.close()
                raise
            with self._guard:
                keep = not self._closed
                if keep:
                    self._idle.append(isolate)
            if not keep:
                isolate.close()

    def close(self) -> None:
        """Free the isolates. Those still lent are freed when they come back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for isolate in idle:
            isolate.close()


_open_pools: weakref.WeakSet[IsolatePool] = weakref.WeakSet()


@atexit.register
def _close_open_pools() -> None:
    for pool in list(_open_pools):
        with suppress(Exception):  # one that cannot be closed must not keep the others open
            pool.close()
