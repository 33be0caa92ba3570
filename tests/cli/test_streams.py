"""The command at its edges, as a real process: streams that are full or closed, odd paths, Ctrl-C at odd moments."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest
from made import made_report

from archscope.serial import to_json

COMMAND = str(Path(sysconfig.get_path("scripts")) / "archscope")
NET = """
import atexit, os, signal, time
from torch import nn

class Wordless(Exception):
    def __str__(self):
        raise RuntimeError("no words")

class Raises(nn.Linear):
    def __init__(self):
        super().__init__(8, 8)
    def forward(self, x):
        raise Wordless

class Fails(nn.Module):
    def __init__(self):
        raise Wordless

class Leaves(nn.Linear):
    def __init__(self):
        super().__init__(8, 8)
        atexit.register(lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(5)))
"""


def shell(folder, line, **options):
    return subprocess.run(
        ["bash", "-c", re.sub(r"\barchscope(?= )", COMMAND, line)],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=240,
        **options,
    )


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


@pytest.mark.parametrize("streams", ["", "2>/dev/full", "2>&-", ">/dev/full", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_usage_error_exits_with_2_whatever_becomes_of_its_words(tmp_path, streams):
    assert shell(tmp_path, f"archscope nonsense {streams}").returncode == 2


@pytest.mark.parametrize("command", ["models", "--help", "analyze featherface-baseline --no-files"])
@pytest.mark.parametrize("stream", [">/dev/full", ">&-"])
def test_a_result_that_cannot_be_written_is_no_success(tmp_path, command, stream):
    done = shell(tmp_path, f"archscope {command} {stream}")
    assert done.returncode == 2
    assert "stdout cannot be written" in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_full_stderr_harms_no_result(net):
    done = shell(net, "archscope analyze featherface-baseline --json - 2>/dev/full")
    assert done.returncode == 0
    assert '"parameters"' in done.stdout


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("archscope analyze r.json --json out.json", 0),
        ("archscope config", 0),
        ("archscope embed README.md --check", 1),
        ("archscope check r.json --max-params 1", 1),
    ],
)
def test_what_is_said_aside_changes_no_exit_code(tmp_path, line, code):
    (tmp_path / ".git").mkdir()
    (tmp_path / "r.json").write_text(to_json(made_report({"": ("Rest", 20, 0, 5)}, name="net")))
    (tmp_path / "README.md").write_text("<!-- archscope: r.json line -->\n<!-- /archscope -->\n")
    done = shell(tmp_path, f"{line} 2>/dev/full")
    assert (done.returncode, bool(done.stdout)) == (code, True)


def test_no_file_takes_the_number_of_a_closed_stream(net):
    (net / "loud.py").write_text(
        "import os\nfrom torch import nn\nos.write(1, b'loud')\nNet = lambda: nn.Linear(2, 2)\n"
    )
    done = shell(net, "archscope analyze loud.py:Net --input 1x2 --json out.json >&- 2>&-")
    assert done.returncode in {0, 2}
    assert not (net / "out.json").exists() or "loud" not in (net / "out.json").read_text()


def test_a_folder_that_is_gone_is_told(tmp_path):
    done = shell(tmp_path, "mkdir here && cd here && rmdir ../here && archscope check")
    assert done.returncode == 2
    assert "the current folder does not exist any more" in done.stderr


LONG = "a" * 300


@pytest.mark.parametrize(
    "line",
    [
        f"archscope analyze {LONG}.json",
        f"archscope analyze {LONG}.py:Net",
        f"archscope analyze {LONG}",
        f"archscope analyze featherface-baseline --json {LONG}.json",
        f"archscope analyze featherface-baseline --out {LONG}",
        "archscope analyze featherface-baseline --json .",
        "archscope analyze .",
        "archscope analyze /dev/zero",
        "mkfifo pipe.json && archscope analyze pipe.json",
        "ln -s /dev/zero zero.json && archscope analyze zero.json",
        "mkdir net.json && archscope analyze net.json",
        "archscope analyze featherface-baseline --json net.json/x/y && archscope analyze net.json",
    ],
)
def test_odd_paths_are_errors_of_the_caller(tmp_path, line):
    done = shell(tmp_path, line)
    assert done.returncode in {2, 3}
    assert "archscope itself failed" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("model", ["Raises", "Fails"])
def test_an_exception_without_words_is_told(net, model):
    done = shell(net, f"archscope analyze net.py:{model} --input 1x8 --no-files")
    assert done.returncode == 3
    assert "Wordless: (its __str__ raised RuntimeError)" in done.stderr
    assert "archscope itself failed" not in done.stderr


def test_ctrl_c_while_the_command_is_loaded_leaves_no_traceback():
    code = """
        import os, signal
        import archscope.entry
        os.kill(os.getpid(), signal.SIGINT)
        from archscope.cli import main
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=False, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_ctrl_c_while_the_command_goes_leaves_no_traceback(net):
    done = shell(net, "archscope analyze net.py:Leaves --input 1x8 --no-files")
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "8" in done.stdout


def test_a_hint_names_a_model_as_a_shell_must_read_it(tmp_path):
    (tmp_path / "my nets").mkdir()
    (tmp_path / "my nets" / "net.py").write_text("from torch import nn\nNet = lambda: nn.Linear(8, 8)\n")
    name = "my nets/net.py:Net"
    done = shell(tmp_path, f"archscope check '{name}' --input 1x8 --max-params 1")
    assert done.returncode == 1
    assert f"archscope analyze '{name}'" in done.stdout


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_measures_nothing_ends_by_signals_too(tmp_path, sent):
    fifo = tmp_path / "out"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [COMMAND, "formulas", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in {0, 130, -sent}  # what comes before Python itself listens, the system ends
    assert sent is not signal.SIGTERM or "Traceback" not in errors
