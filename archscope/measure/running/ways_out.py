"""Watching for work that leaves torch's dispatcher while a model runs: threads, processes, numpy arrays, addresses."""

from __future__ import annotations

import _thread
import contextlib
import functools
import multiprocessing.process
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import torch
import torch.utils._python_dispatch
import torch.utils.dlpack

from archscope.measure.running.code_lines import asked_by_model, running_line
from archscope.measure.running.run_notes import RunNotes

_LOCK = threading.Lock()
_NOTES: dict[int, list[RunNotes]] = {}  # by thread: another thread's doings are none of a run's


class _Replaced(NamedTuple):
    """A function that stands in for another: ``made`` in the place of ``original`` (None: inherited) of ``owner``."""

    owner: Any
    name: str
    made: Any
    original: Any


_REPLACED: list[_Replaced] = []
_SPAWNS = [name for name in ("fork", "posix_spawn", "posix_spawnp", "system") if hasattr(os, name)]
_MODE_UTILS = ("torch/utils/_mode_utils.py",)


@contextlib.contextmanager
def ways_out_watched(notes: RunNotes) -> Iterator[None]:
    """Tell ``notes`` what this thread's code does out of sight; torch and Python come back as they were."""
    try:
        with _told(notes):
            yield
    finally:
        notes.open = False


@contextlib.contextmanager
def _told(notes: RunNotes) -> Iterator[None]:
    mine = threading.get_ident()
    with _LOCK:
        if not _NOTES:
            _REPLACED.extend(_replace(*way) for way in _ways())
        _NOTES.setdefault(mine, []).append(notes)
    try:
        yield
    finally:
        with _LOCK:
            _NOTES[mine].pop()
            if not _NOTES[mine]:
                del _NOTES[mine]
            while _REPLACED and not _NOTES:
                _put_back(_REPLACED.pop())


def _replace(owner: Any, name: str, watch: Callable[..., Any]) -> _Replaced:
    made = functools.wraps(getattr(owner, name))(watch(getattr(owner, name)))
    replaced = _Replaced(owner, name, made, vars(owner).get(name))
    setattr(owner, name, made)
    return replaced


def _put_back(replaced: _Replaced) -> None:
    if vars(replaced.owner).get(replaced.name) is not replaced.made:
        return  # somebody else put something there meanwhile
    if replaced.original is None:
        delattr(replaced.owner, replaced.name)
    else:
        setattr(replaced.owner, replaced.name, replaced.original)


def _current() -> RunNotes | None:
    mine = _NOTES.get(threading.get_ident())
    return mine[-1] if mine and not mine[-1].in_operator else None


def _ways() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Each function to be watched: its owner, its name, and what makes the one that watches it."""
    for name, kind in (("numpy", "memory"), ("tolist", "list"), ("data_ptr", "memory"), ("__dlpack__", "memory")):
        yield torch.Tensor, name, functools.partial(_taken, f"Tensor.{name}", kind)
    yield torch.UntypedStorage, "data_ptr", functools.partial(_taken, "UntypedStorage.data_ptr", "memory")
    yield torch.UntypedStorage, "tolist", functools.partial(_taken, "UntypedStorage.tolist", "list")
    for home in (torch, torch.utils.dlpack):
        yield home, "to_dlpack", functools.partial(_taken, "to_dlpack", "memory")
    for home, name in ((torch, "frombuffer"), (torch, "from_dlpack"), (torch.utils.dlpack, "from_dlpack")):
        yield home, name, _brought
    yield torch.Tensor, "new_tensor", _constant_made
    for name in ("tensor", "as_tensor", "asarray"):
        yield torch, name, _constant_made
    yield threading.Thread, "start", _thread_started
    yield _thread, "start_new_thread", _function_handed_over
    yield ThreadPoolExecutor, "submit", _method_handed_over
    pool = sys.modules.get("multiprocessing.pool")
    if pool is not None:
        for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
            yield pool.Pool, name, functools.partial(_pool_asked, pool.ThreadPool)
    for name in _SPAWNS:
        yield os, name, _process_asked
    yield subprocess.Popen, "__init__", _process_asked
    yield multiprocessing.process.BaseProcess, "start", _process_asked
    futures: Any = sys.modules.get("concurrent.futures.process")
    if futures is not None:
        yield futures.ProcessPoolExecutor, "submit", _process_asked
    for name in ("_DisableTorchDispatch", "_ExcludeDispatchKeyGuard", "_pop_torch_dispatch_stack"):
        yield torch._C, name, _dispatch_switched  # noqa: SLF001 - the switches have no public names
    yield torch.utils._python_dispatch, "_pop_mode", _mode_popped  # noqa: SLF001


def _taken(name: str, kind: str, original: Any) -> Any:
    def taken(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        notes = _current()
        if notes is not None and asked_by_model(("torch/_tensor.py",)):  # where np.asarray(tensor) arrives
            notes.taken(name, kind, tensor)
        return original(tensor, *args, **kwargs)

    return taken


def _brought(original: Any) -> Any:
    def brought(*args: Any, **kwargs: Any) -> Any:
        tensor, notes = original(*args, **kwargs), _current()
        if notes is not None:
            notes.brought(tensor)
        return tensor

    return brought


def _constant_made(original: Any) -> Any:
    def made(*args: Any, **kwargs: Any) -> Any:
        tensor, notes = original(*args, **kwargs), _current()
        if notes is not None and tensor.is_meta:  # no operator shows it there
            notes.knows(tensor)
        return tensor

    return made


def _thread_started(original: Any) -> Any:
    def start(thread: threading.Thread) -> None:
        notes = _current()
        if notes is not None:
            thread.run = _handed(notes, thread.run)  # type: ignore[method-assign]  # of this one thread
        original(thread)

    return start


def _function_handed_over(original: Any) -> Any:
    def start(function: Any, *args: Any) -> Any:
        notes = _current()
        return original(_handed(notes, function) if notes is not None else function, *args)

    return start


def _method_handed_over(original: Any) -> Any:
    def submit(pool: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        notes = _current()
        return original(pool, _handed(notes, function) if notes is not None else function, *args, **kwargs)

    return submit


def _pool_asked(threads: type, original: Any) -> Any:
    def asked(pool: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        notes = _current()
        if notes is not None and isinstance(pool, threads):
            function = _handed(notes, function)
        elif notes is not None:
            notes.missed("process")
        return original(pool, function, *args, **kwargs)

    return asked


def _handed(notes: RunNotes, function: Any) -> Any:
    """``function`` for another thread, where what it does is told to ``notes``."""
    where = running_line().where

    def run(*args: Any, **kwargs: Any) -> Any:
        if not notes.open:
            return function(*args, **kwargs)
        with _told(notes), notes.elsewhere(where):
            return function(*args, **kwargs)

    return run


def _process_asked(original: Any) -> Any:
    def asked(*args: Any, **kwargs: Any) -> Any:
        notes = _current()
        if notes is not None:
            notes.missed("process")
        return original(*args, **kwargs)

    return asked


def _dispatch_switched(original: Any) -> Any:
    def switched(*args: Any, **kwargs: Any) -> Any:
        notes = _current()
        if notes is not None and asked_by_model(_MODE_UTILS):
            notes.missed("dispatch")
        return original(*args, **kwargs)

    return switched


def _mode_popped(original: Any) -> Any:
    def popped(*args: Any, **kwargs: Any) -> Any:
        notes = _current()
        ends_its_own = sys._getframe(1).f_code.co_name == "__exit__"  # noqa: SLF001 - of a mode that the model entered
        if notes is not None and not ends_its_own and asked_by_model((*_MODE_UTILS, "torch/utils/_python_dispatch.py")):
            notes.missed("dispatch")
        return original(*args, **kwargs)

    return popped
