"""Running a model's code in a child process, whose early end is a failure and never taken for success."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from archscope.cli.streams import say
from archscope.errors import ArchscopeError, ModelError, raised

_SIZE = 8  # bytes that say how long a message is
_LOOK = 0.05  # seconds between two looks whether the child lives
_PATIENCE = 2.0  # seconds that a child has to end once it said nothing more
_INTERRUPTED = 130
_GOES_ON = 20.0  # seconds that threads and atexit functions of a model have to end once the result is told
_FORWARDED = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT} if sys.platform != "win32" else set()
_FROM_A_PROCESS = 0  # si_code is at most 0; what a terminal sends, the child gets itself
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def can_fork() -> bool:
    """Whether this process may go on as two: nothing but this thread runs, and torch has not started its own."""
    return sys.platform == "linux" and "torch" not in sys.modules and threading.active_count() == 1


def guarded(command: Callable[[], int]) -> int:
    """Run ``command`` in a child; its exit code, or that of a model that failed when it ended without giving one."""
    reading, writing = os.pipe()
    _flush()
    watched = {*_FORWARDED, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    parent, child = os.getpid(), os.fork()
    if not child:
        _end_with(parent)
        os.close(reading)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            code = command()
        except KeyboardInterrupt:  # it came before the command could tell of it
            say("interrupted")
            code = _INTERRUPTED
        _flush()
        with contextlib.suppress(OSError):
            os.dup2(2, 1)  # the result is told: what a model's threads and atexit functions print is none
            os.write(writing, bytes([code]))
        return code
    os.close(writing)
    os.set_blocking(reading, False)
    status, received, told = _awaited(child, watched, reading)
    if status is None:
        return told[0]
    ended = os.waitstatus_to_exitcode(status)
    if told:
        return ended if ended > 0 else told[0]
    if received and -ended in {received, signal.SIGKILL}:
        return 128 + received
    say(f"error: {_what(status)}\nhelp: {_HELP}")
    return ModelError.exit_code


def _awaited(child: int, watched: set[signal.Signals], reading: int) -> tuple[int | None, int, bytes]:
    """The status of ``child`` once it has ended, the last signal that was passed on to it, and the code it told.

    It is ended, without a status, when it told its code and goes on: a thread of the model does, or an atexit function.
    """
    received, told, due = 0, b"", float("inf")
    while True:
        info = signal.sigtimedwait(watched, _PATIENCE)
        with contextlib.suppress(BlockingIOError):
            told = told or os.read(reading, 1)
        if told and due == float("inf"):
            due = time.monotonic() + _GOES_ON
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with contextlib.suppress(BlockingIOError):
                told = told or os.read(reading, 1)
            return status, received, told
        if info is not None and info.si_signo != signal.SIGCHLD:
            received = info.si_signo
            if info.si_code <= _FROM_A_PROCESS:
                os.kill(child, received)
        if time.monotonic() > due:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            say(f"warning: the model's code went on for {_GOES_ON:g} s after the result (a thread?), and was ended")
            return None, received, told


class Apart:
    """Calls of ``function`` in a child, which is made anew when one of them ended it."""

    def __init__(self, function: Callable[[str], Any]) -> None:
        self._function = function
        self._child = 0
        self._requests = self._answers = -1

    def __call__(self, name: str) -> Any:
        """What ``function(name)`` gives or raises; ModelError when there is no whole result."""
        if not self._child:
            self._start()
        with contextlib.suppress(BrokenPipeError):
            _send(self._requests, name)
        answer = self._received()
        if isinstance(answer, _Failure):
            answer.error.__dict__["traceback_text"] = answer.traceback
            raise answer.error
        if answer is None:
            status = self._ended()
            raise ModelError(f"{name}: {_what(status)}", help=_HELP)
        return answer[0]

    def close(self) -> None:
        """End the child."""
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            self._ended()

    def _start(self) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        _flush()
        parent, self._child = os.getpid(), os.fork()
        if not self._child:
            try:
                _end_with(parent)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                os.close(self._requests)
                os.close(self._answers)
                self._serve(requests, answers)
            finally:
                os._exit(1)
        os.close(requests)
        os.close(answers)

    def _serve(self, requests: int, answers: int) -> None:
        while (name := _receive(requests)) is not None:
            answer: Any
            try:
                answer = (self._function(name),)
            except ArchscopeError as error:
                answer = _Failure(error)
            except BaseException as error:  # noqa: BLE001 - a fault of archscope is told where all are
                told = ModelError(f"measuring {name} failed: the code raised {raised(error)}")
                told.__cause__ = error
                answer = _Failure(told, error)
            _send(answers, answer)

    def _received(self) -> Any:
        """The answer; None when the child ended, or another program took its place, before it was whole."""
        content, size = b"", None
        while size is None or len(content) < size:
            if not select.select([self._answers], [], [], _LOOK)[0]:
                if os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    continue
                if not select.select([self._answers], [], [], 0)[0]:  # a copy that the model made holds the line
                    return None
            part = os.read(self._answers, 1 << 20)
            if not part:
                return None
            content += part
            if size is None and len(content) >= _SIZE:
                size, content = int.from_bytes(content[:_SIZE], "big"), content[_SIZE:]
        return pickle.loads(content)  # noqa: S301 - from our own child

    def _ended(self) -> int | None:
        """The status of the child, which is ended if it does not end by itself; None for one that had to be."""
        child, self._child = self._child, 0
        os.close(self._requests)
        os.close(self._answers)
        waited = 0.0
        while waited < _PATIENCE:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status
            select.select([], [], [], _LOOK)
            waited += _LOOK
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None


class _Failure:
    """An error, with its traceback as text: that cannot be sent."""

    def __init__(self, error: ArchscopeError, cause: BaseException | None = None) -> None:
        from archscope.cli.failures import user_frames

        whole = "".join(traceback.format_exception(cause or error))
        told = error.__cause__
        self.traceback = (
            "".join(user_frames(told, error.what)) if isinstance(error, ModelError) and told else "",
            whole,
        )
        self.error = error.with_traceback(None)
        self.error.__cause__ = self.error.__context__ = None


_HELP = "its code ended the process (os._exit, a signal), or there was no memory left; no figure of it is known"


def _what(status: int | None) -> str:
    if status is None:
        return "the process that measured the model stopped answering (another program took its place?)"
    code = os.waitstatus_to_exitcode(status)
    with contextlib.suppress(ValueError):
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        return f"the process that measured the model ended {how} before there was a result"
    return f"the process that measured the model ended by signal {-code} before there was a result"


def _end_with(parent: int) -> None:
    """Let the system end this process when ``parent`` is gone: nobody would wait for it."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _flush() -> None:
    """What is still to be written would be written by both."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()


def _send(descriptor: int, message: Any) -> None:
    content = pickle.dumps(message)
    content = len(content).to_bytes(_SIZE, "big") + content
    while content:
        content = content[os.write(descriptor, content) :]


def _receive(descriptor: int) -> Any:
    """One message; None at the end."""
    content = b"".join(_exactly(descriptor, _SIZE))
    if len(content) < _SIZE:
        return None
    return pickle.loads(b"".join(_exactly(descriptor, int.from_bytes(content, "big"))))  # noqa: S301 - from our parent


def _exactly(descriptor: int, size: int) -> Iterator[bytes]:
    while size and (part := os.read(descriptor, size)):
        size -= len(part)
        yield part
