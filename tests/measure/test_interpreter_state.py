"""What a model's code changes in Python itself and in torch's lesser switches is as before after it was measured."""

from __future__ import annotations

import decimal
import gc
import io
import locale
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import torch
from torch import nn

import archscope


def mask():
    found = os.umask(0o077)
    os.umask(found)
    return found


def other_precision():
    decimal.getcontext().prec = 3
    decimal.getcontext().traps[decimal.Inexact] = True


def another_zone():
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()


def nothing(*_arguments):
    return None


CHANGES = {
    "umask": (mask, lambda: os.umask(0o007)),
    "locale": (lambda: locale.setlocale(locale.LC_ALL), lambda: locale.setlocale(locale.LC_ALL, "POSIX")),
    "stdin": (lambda: sys.stdin, lambda: setattr(sys, "stdin", io.StringIO())),
    "stdout": (lambda: sys.stdout, lambda: setattr(sys, "stdout", io.StringIO())),
    "stderr": (lambda: sys.stderr, lambda: setattr(sys, "stderr", None)),
    "excepthook": (lambda: sys.excepthook, lambda: setattr(sys, "excepthook", nothing)),
    "unraisablehook": (lambda: sys.unraisablehook, lambda: setattr(sys, "unraisablehook", nothing)),
    "hook of threads": (lambda: threading.excepthook, lambda: setattr(threading, "excepthook", nothing)),
    "collector": (gc.isenabled, gc.disable),
    "thresholds": (gc.get_threshold, lambda: gc.set_threshold(7, 7, 7)),
    "switch interval": (sys.getswitchinterval, lambda: sys.setswitchinterval(0.5)),
    "digits": (sys.get_int_max_str_digits, lambda: sys.set_int_max_str_digits(700)),
    "profile": (sys.getprofile, lambda: sys.setprofile(nothing)),
    "arguments": (lambda: [*sys.argv], lambda: sys.argv.append("--strict")),
    "sockets": (socket.getdefaulttimeout, lambda: socket.setdefaulttimeout(3)),
    "signal mask": (
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]),
    ),
    "time zone": (lambda: time.tzname, another_zone),
    "decimal": (lambda: (decimal.getcontext().prec, str(decimal.getcontext().traps)), other_precision),
    "decimal context": (lambda: decimal.getcontext().prec, lambda: decimal.setcontext(decimal.Context(prec=5))),
    "mkldnn": (lambda: torch.backends.mkldnn.enabled, lambda: torch.backends.mkldnn.set_flags(_enabled=False)),
    "reduced precision": (
        lambda: torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
        lambda: setattr(torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction", False),
    ),
    "parameters that are swapped": (
        torch.__future__.get_swap_module_params_on_conversion,
        lambda: torch.__future__.set_swap_module_params_on_conversion(True),
    ),
    "cache of autocast": (torch.is_autocast_cache_enabled, lambda: torch.set_autocast_cache_enabled(False)),
}


class Changing(nn.Module):
    """Changes something when it runs, or when it is made."""

    def __init__(self, change, *, at_once=False):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.change = nothing if at_once else change
        if at_once:
            change()

    def forward(self, x):
        self.change()
        return self.linear(x)


@pytest.mark.parametrize("at_once", [False, True], ids=["forward", "constructor"])
@pytest.mark.parametrize("name", CHANGES)
def test_what_a_model_changes_in_python_is_as_before(name, at_once):
    read, change = CHANGES[name]
    before = read()
    spec = archscope.ModelSpec(
        name="changing",
        source="",
        build=lambda **_: Changing(change, at_once=at_once),
        inputs=(archscope.InputSpec(name="x", shape=(2, 3), dtype="float32"),),
    )
    report = archscope.analyze(spec)
    assert read() == before
    assert report.totals.macs == 2 * 3 * 4


def test_a_model_that_takes_stdout_takes_no_result(tmp_path):
    (tmp_path / "net.py").write_text(
        "import io, sys\nfrom torch import nn\n\n\nclass Net(nn.Linear):\n    def __init__(self):\n"
        "        super().__init__(3, 4)\n\n    def forward(self, x):\n        sys.stdout = io.StringIO()\n"
        "        return super().forward(x)\n"
    )
    command = [
        sys.executable,
        "-m",
        "archscope",
        "analyze",
        "net.py:Net",
        "--input",
        "1x3",
        "--no-files",
        "--json",
        "-",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert '"macs": 12' in done.stdout
