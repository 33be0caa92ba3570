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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
import torch._functorch.eager_transforms
import torch._tensor_str
import torch.utils._python_dispatch
import torch.utils.dlpack
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils import _pytree as pytree

from archscope.measure.running.chances import chances_taken
from archscope.measure.running.code_lines import asked_by_model, running_line
from archscope.measure.running.file_reads import files_read
from archscope.measure.running.replaced_functions import Way, replaced
from archscope.measure.running.run_notes import RunNotes
from archscope.measure.running.tensor_questions import places_asked, sizes_asked

_NO_DISPATCH = torch._C._DisableTorchDispatch  # noqa: SLF001 - the one that is not watched
_LOCK = threading.Lock()
_NOTES: dict[int, list[RunNotes]] = {}  # by thread: another thread's doings are none of a run's


_SPAWNS = [name for name in ("fork", "posix_spawn", "posix_spawnp", "system") if hasattr(os, name)]
_PASSING = ("torch/_tensor.py", "torch/nn/parameter.py")  # np.asarray(tensor) and str(tensor) come from there
_MODE_UTILS = ("torch/utils/_mode_utils.py",)


@contextlib.contextmanager
def ways_out_watched(notes: RunNotes, device: str = "meta") -> Iterator[None]:
    """Tell ``notes`` what this thread's code does out of sight; torch and Python come back as they were.

    On meta it is also told when the model asks where it is, and elsewhere when it asks for sizes.
    """
    questions = sizes_asked if device != "meta" else places_asked
    try:
        with (
            _told(notes),
            replaced(questions.__name__, functools.partial(questions, noted), again=True),
            replaced("files", functools.partial(files_read, noted), again=True),
            replaced("chances", functools.partial(chances_taken, noted), again=True),
        ):
            yield
    finally:
        notes.open = False


@contextlib.contextmanager
def _told(notes: RunNotes) -> Iterator[None]:
    mine = threading.get_ident()
    with _LOCK:
        _NOTES.setdefault(mine, []).append(notes)
    try:
        with replaced("ways out", _ways, again=True):
            yield
    finally:
        with _LOCK:
            _NOTES[mine].pop()
            if not _NOTES[mine]:
                del _NOTES[mine]


def noted() -> RunNotes | None:
    """The notes of the run that this thread is in, where no operator runs right now."""
    mine = _NOTES.get(threading.get_ident())
    return mine[-1] if mine and not mine[-1].in_operator else None


def _ways() -> Iterator[Way]:
    """Each function to be watched: its owner, its name, and what makes the one that watches it."""
    for name, kind in (("numpy", "memory"), ("tolist", "list"), ("data_ptr", "memory"), ("__dlpack__", "memory")):
        yield torch.Tensor, name, functools.partial(_taken, f"Tensor.{name}", kind)
    yield torch.UntypedStorage, "data_ptr", functools.partial(_taken, "UntypedStorage.data_ptr", "memory")
    yield torch.UntypedStorage, "tolist", functools.partial(_taken, "UntypedStorage.tolist", "list")
    yield torch.Tensor, "__reduce_ex__", _pickled
    for name in ("apply_", "map_", "map2_"):
        yield torch.Tensor, name, _element_by_element
    yield torch._tensor_str, "_str", functools.partial(_taken, "Tensor.__repr__", "text")  # noqa: SLF001
    for home in (torch, torch.utils.dlpack):
        yield home, "to_dlpack", functools.partial(_taken, "to_dlpack", "memory")
    for home, name in ((torch, "frombuffer"), (torch, "from_dlpack"), (torch.utils.dlpack, "from_dlpack")):
        yield home, name, _brought
    yield torch.Tensor, "new_tensor", functools.partial(_constant_made, 1)
    for name in ("tensor", "as_tensor", "asarray", "from_numpy"):
        yield torch, name, functools.partial(_constant_made, 0)
    yield from _hand_overs()
    yield torch.func, "linearize", _folded_on_meta
    yield torch._functorch.eager_transforms, "linearize", _folded_on_meta  # noqa: SLF001 - where it is defined
    biases: Any = sys.modules.get("torch.nn.attention.bias")  # it imports all of torch's compiler
    if biases is not None:
        yield biases.CausalBias, "__new__", _made_whole
    for name in ("_DisableTorchDispatch", "_ExcludeDispatchKeyGuard", "_pop_torch_dispatch_stack"):
        yield torch._C, name, _dispatch_switched  # noqa: SLF001 - the switches have no public names
    yield torch.utils._python_dispatch, "_pop_mode", _mode_popped  # noqa: SLF001


def _hand_overs() -> Iterator[Way]:
    """The functions that give work to other threads and processes."""
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


def _taken(name: str, kind: str, original: Any) -> Any:
    def taken(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        notes = noted()
        if notes is not None and asked_by_model(_PASSING):
            notes.taken(name, kind, tensor)
            if kind == "list":
                values = original(tensor, *args, **kwargs)
                notes.listed(values)
                return values
        return original(tensor, *args, **kwargs)

    return taken


def _pickled(original: Any) -> Any:
    """Not where Python's copy asks, which makes another tensor of the answer."""

    def pickled(tensor: Any, protocol: Any) -> Any:
        notes = noted()
        copied = sys._getframe(1).f_code.co_filename.endswith("copy.py")  # noqa: SLF001
        if notes is not None and not copied and asked_by_model(("torch/serialization.py",)):
            notes.taken("Tensor.__reduce_ex__", "list", tensor)
        return original(tensor, protocol)

    return pickled


def _element_by_element(original: Any) -> Any:
    """A function of Python's for each element, which no operator runs."""

    def done(tensor: Any, *args: Any) -> Any:
        notes = noted()
        if notes is not None:
            notes.missed("python")
        return original(tensor, *args)

    return done


def _brought(original: Any) -> Any:
    def brought(*args: Any, **kwargs: Any) -> Any:
        tensor, notes = original(*args, **kwargs), noted()
        if notes is not None:
            notes.brought(tensor)
        return tensor

    return brought


def _constant_made(place: int, original: Any) -> Any:
    def made(*args: Any, **kwargs: Any) -> Any:
        tensor, notes = original(*args, **kwargs), noted()
        if notes is not None and (tensor.is_meta or isinstance(tensor, FakeTensor)):  # no operator shows it there
            notes.knows(tensor, args[place] if len(args) > place else kwargs.get("data", kwargs.get("obj")))
        return tensor

    return made


def _thread_started(original: Any) -> Any:
    def start(thread: threading.Thread) -> None:
        notes = noted()
        if notes is not None:
            thread.run = _handed(notes, thread.run)  # type: ignore[method-assign]  # of this one thread
        original(thread)

    return start


def _function_handed_over(original: Any) -> Any:
    def start(function: Any, *args: Any) -> Any:
        notes = noted()
        return original(_handed(notes, function) if notes is not None else function, *args)

    return start


def _method_handed_over(original: Any) -> Any:
    def submit(pool: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        notes = noted()
        return original(pool, _handed(notes, function) if notes is not None else function, *args, **kwargs)

    return submit


def _pool_asked(threads: type, original: Any) -> Any:
    def asked(pool: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        notes = noted()
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
        notes = noted()
        if notes is not None:
            notes.missed("process")
        return original(*args, **kwargs)

    return asked


def _folded_on_meta(original: Any) -> Any:
    """``linearize`` works constants out while it traces; of meta tensors it makes constants without doing that."""

    def linearized(function: Any, *primals: Any) -> Any:
        notes = noted()
        if notes is not None and any(leaf.is_meta for leaf in pytree.tree_leaves(primals) if torch.is_tensor(leaf)):
            notes.failed("torch.func.linearize", values=False)
        return original(function, *primals)

    return linearized


def _made_whole(original: Any) -> Any:
    """Torch cannot make a tensor of a class of its own by the class's call where a mode sees the memory being made."""

    def made(kind: type, *args: Any, **kwargs: Any) -> Any:
        with _NO_DISPATCH():
            return original(kind, *args, **kwargs)

    return made


def _dispatch_switched(original: Any) -> Any:
    def switched(*args: Any, **kwargs: Any) -> Any:
        notes = noted()
        if notes is not None and asked_by_model(_MODE_UTILS):
            notes.missed("dispatch")
        return original(*args, **kwargs)

    return switched


def _mode_popped(original: Any) -> Any:
    def popped(*args: Any, **kwargs: Any) -> Any:
        notes = noted()
        ends_its_own = sys._getframe(1).f_code.co_name == "__exit__"  # noqa: SLF001 - of a mode that the model entered
        if notes is not None and not ends_its_own and asked_by_model((*_MODE_UTILS, "torch/utils/_python_dispatch.py")):
            notes.missed("dispatch")
        return original(*args, **kwargs)

    return popped
