"""MATLAB files, read by scipy in a process of its own: on damaged ones its reader can end the process it runs in.

A variable comes as plain data: ``{"cells": [...]}`` for a cell array, in MATLAB's order, ``{"text": [...]}`` for
characters, a line each, ``{"shape": [...], "dtype": "<f8", "values": "..."}`` for numbers, their bytes row by row in
base64.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archscope.errors import UsageError, raised

_LARGEST = 1 << 26  # bytes of a file; those of WIDER FACE have 2 MB
_MEMORY, _EACH = 150_000_000, 16  # bytes that reading may take, and so many more for each of the file
_PATIENCE = 120  # seconds
_HELP = "fetch it again, or save it anew with -v7"


def read_variables(files: Mapping[Path, Sequence[str]]) -> list[dict[str, Any]]:
    """For each file the variables that it should hold.

    Raises UsageError, with the file, for one that is missing, too large, no MATLAB file of version 5 to 7, or that
    lacks a variable.
    """
    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no {file.name}", where=str(file.parent), help=_HELP)
        if file.stat().st_size > _LARGEST:
            raise UsageError(f"it is larger than {_LARGEST:,} bytes", where=str(file), help=_HELP)
    asked = json.dumps([[str(file), *names] for file, names in files.items()])
    try:
        run = subprocess.run(
            [sys.executable, "-P", "-m", "archscope.faces.matlab"],  # -P: nothing is imported from the current folder
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            input=asked.encode(),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        answers, status = run.stdout.splitlines(), run.returncode
    except subprocess.TimeoutExpired as error:
        answers, status = (error.stdout or b"").splitlines(), -signal.SIGALRM
    found = []
    for place, (file, names) in enumerate(files.items()):
        if place >= len(answers):
            how = f"reading it was ended by {signal.Signals(-status).name}" if status < 0 else "reading it failed"
            raise UsageError(f"the file is damaged: {how}", where=str(file), help=_HELP)
        found.append(_answer(json.loads(answers[place]), file, names))
    return found


def _answer(answer: dict[str, Any], file: Path, names: Sequence[str]) -> dict[str, Any]:
    if "library" in answer:
        raise UsageError(
            "reading MATLAB files needs scipy", help="pip install 'archscope-torch[evaluation]', or scipy alone"
        )
    if "error" in answer:
        raise UsageError(f"not a MATLAB file that can be read: {answer['error']}", where=str(file), help=_HELP)
    variables: dict[str, Any] = answer["variables"]
    missing = [name for name in names if name not in variables]
    if missing:
        raise UsageError(f"it holds no {' and no '.join(missing)}", where=str(file), help=_HELP)
    return variables


def _main() -> None:
    """Answer on stdout, a line for each file that stdin names."""
    for file, *names in json.loads(sys.stdin.read()):
        sys.stdout.write(json.dumps(_read(file, names)) + "\n")
        sys.stdout.flush()


def _bound_memory(file: str) -> None:
    """A few bytes can say that they hold a billion cells, and a few more can unpack to as many."""
    try:
        import resource

        own = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    except (ModuleNotFoundError, OSError):  # no such limits on this system, or no way to know what is taken already
        return
    wanted = own + _MEMORY + _EACH * os.path.getsize(file)  # noqa: PTH202 - of a text
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))


def _read(file: str, names: list[str]) -> dict[str, Any]:
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError:
        return {"library": "scipy"}
    try:
        _bound_memory(file)
        found = loadmat(file, variable_names=names)
        return {"variables": {name: _plain(found[name]) for name in names if name in found}}
    except NotImplementedError:
        return {"error": "it is of MATLAB's version 7.3, which is another format"}
    except MemoryError:
        return {"error": "it holds more than a file of its size may"}
    except Exception as error:  # noqa: BLE001 - whatever a reader of a stranger's file raises
        return {"error": raised(error)}


def _plain(array: Any) -> Any:
    import numpy as np

    if not isinstance(array, np.ndarray) or array.dtype.kind not in "OUSiufb" or array.dtype.names:
        return {"other": type(array).__name__}
    if array.dtype.kind == "O":
        return {"cells": [_plain(cell) for cell in array.ravel(order="F")]}
    if array.dtype.kind in "US":
        return {"text": [str(line) for line in array.ravel(order="F")]}
    values = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"shape": [*array.shape], "dtype": array.dtype.str, "values": values}


if __name__ == "__main__":
    _main()
