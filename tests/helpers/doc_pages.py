"""The commands of a documentation page: its files are written, its commands run, its shown output held against them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import NamedTuple

from click.testing import CliRunner

from archscope.cli import main

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
_EXIT = re.compile(r"  # exit (\d+)$")


class Step(NamedTuple):
    """A file to write, code to run, or a command with the lines that stand below it (``...`` for any lines)."""

    kind: str
    text: str
    shown: tuple[str, ...] = ()
    exit_code: int = 0


def steps(page):
    """What a reader of ``page`` does, in its order."""
    for language, title, body in _BLOCK.findall(page):
        if title:
            yield Step(kind=title, text=body)
        elif language == "python":
            yield Step(kind="code", text=body)
        elif language == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, *shown = part.rstrip("\n").split("\n")
                code = _EXIT.search(command)
                yield Step(
                    kind="command", text=_EXIT.sub("", command), shown=(*shown,), exit_code=int(code[1]) if code else 0
                )


def do(step, folder):
    """Do it in ``folder``, where the process already is; raises AssertionError where the page says something else."""
    if step.kind == "command":
        code, output = _run(step.text)
        assert code == step.exit_code, f"{step.text}: exit {code}\n{output}"
        missing = first_missing(step.shown, output)
        assert missing is None, f"{step.text}\ndoes not print {missing!r} there:\n{output}"
    elif step.kind == "code":
        done = subprocess.run([sys.executable, "-c", step.text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    else:
        file = folder / step.kind
        file.parent.mkdir(exist_ok=True)
        file.write_text(step.text, encoding="utf-8")


def _run(command):
    program, *words = shlex.split(command)
    if program == "python":
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    assert program == "archscope", f"a page of this kind runs archscope and python, not {program}"
    result = CliRunner().invoke(main, words)
    return result.exit_code, result.output


def first_missing(shown, output):
    """The first of the ``shown`` lines that does not follow the one before it; ``...`` lets any lines stand between."""
    lines = [line.rstrip() for line in output.splitlines()]
    place, free = 0, False
    for line in shown:
        if line.strip() == "...":
            free = True
            continue
        rest = lines[place:] if free else lines[place : place + 1]
        if line.rstrip() not in rest:
            return line
        place += rest.index(line.rstrip()) + 1
        free = False
    return None if free or not shown or place == len(lines) else "nothing further"
