"""The lock that lets one measurement at a time run in a process, because runs share torch's global switches."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator


class _Turn:
    """The lock. A thread that holds it may take it again: a model can measure another inside its forward."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def renew(self) -> None:
        """In a process that was forked, the threads that held or awaited the lock do not exist."""
        self.lock = threading.RLock()


_TURN = _Turn()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_TURN.renew)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other thread of this process builds or runs a model here, and keep them out until the end.

    Measuring changes switches of the whole process (torch's default device, attention's fast path, the warnings
    filters) and puts them back; two that overlapped would put back each other's. A thread that a model starts in its
    own forward and waits for must not measure: it would wait for its own end.
    """
    with _TURN.lock:
        yield
