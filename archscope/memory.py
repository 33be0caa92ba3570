"""How much memory this process takes, how much it may take, and how a figure of it is read."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from archscope.errors import UsageError
from archscope.units import parse_count

_ASKED: ContextVar[int | None] = ContextVar("max_memory", default=None)
_UNLIMITED = 2**60


def parse_bytes(text: str) -> int:
    """``8G``, ``500 MB`` or a count of bytes; units are powers of 1000, as in all figures. Raises UsageError."""
    try:
        return parse_count(text.strip().removesuffix("B"))
    except UsageError as error:
        raise UsageError(f"{text!r} is no amount of memory", help="write 8G, 500M or a number of bytes") from error


@contextlib.contextmanager
def at_most(count: int | None) -> Iterator[None]:
    """Let models take ``count`` bytes; None is the usual share of what is free."""
    token = _ASKED.set(count)
    try:
        yield
    finally:
        _ASKED.reset(token)


def ask_for(count: int | None) -> None:
    """The same from now on: for a command, which ends with its process."""
    _ASKED.set(count)


def asked_for() -> int | None:
    """What ``at_most`` or ``ask_for`` was told."""
    return _ASKED.get()


def most_bytes() -> int:
    """What the tensors of one model may take on the CPU: what was asked for, else half of what is free now."""
    asked = _ASKED.get()
    return free_bytes() // 2 if asked is None else asked


def free_bytes() -> int:
    """What this process could still get: of the machine, of its control group, of its own limits."""
    return max(0, min([_machine(), *_control_group(), *_own_limits()]))


def resident_bytes() -> int:
    """What this process holds in memory now (where the system does not tell: the most that it ever held)."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def give_back_free_memory() -> None:
    """Let the C library return to the system what Python has freed, where it can (glibc)."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _machine() -> int:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return _UNLIMITED


def _control_group() -> Iterator[int]:
    """A container's limit, less what is used of it."""
    root = Path("/sys/fs/cgroup")
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # "max" is no number: there is no limit
            yield int((root / most).read_text(encoding="ascii")) - int((root / used).read_text(encoding="ascii"))


def _own_limits() -> Iterator[int]:
    """``ulimit -v`` and ``ulimit -d``, less what is taken."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        taken = [int(part) * os.sysconf("SC_PAGE_SIZE") for part in Path("/proc/self/statm").read_text("ascii").split()]
        for limit, used in ((resource.RLIMIT_AS, taken[0]), (resource.RLIMIT_DATA, taken[5])):
            soft, _ = resource.getrlimit(limit)
            if soft != resource.RLIM_INFINITY:
                yield soft - used
