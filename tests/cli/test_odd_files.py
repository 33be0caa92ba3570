"""Files that are links, loops, folders or read-only, and several commands that write one folder at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from made import made_report
from repository import COMMAND

from archscope.errors import UsageError
from archscope.files import write_files
from archscope.serial import from_json, to_json

TEXT = b"new\n"


def test_a_link_stays_one_and_the_file_behind_it_is_written(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere/file")
    (tmp_path / "folder").symlink_to("elsewhere")
    write_files({tmp_path / "link": TEXT, tmp_path / "folder" / "other": TEXT})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder").is_symlink()
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["file", "other"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("loop", "symbolic links"),
        ("loop/file", "File exists"),
        ("dangling/file", "File exists"),
        ("behind/nowhere", "No such file"),
        ("folder", "it is a folder"),
        ("file/below", "Not a directory"),
        ("full", "No space left"),
    ],
)
def test_what_cannot_be_written_is_told_with_its_name_and_nothing_is_changed(tmp_path, name, why):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "behind").mkdir()
    (tmp_path / "behind" / "nowhere").symlink_to("no/such/folder")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    (tmp_path / "full").symlink_to("/dev/full")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=f"cannot write .*: .*{why}") as caught:
        write_files({tmp_path / "good": TEXT, tmp_path / name: TEXT})
    assert name.partition("/")[0] in caught.value.what
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "loop").is_symlink()


AS_NOBODY = """
import os, sys
from pathlib import Path
from archscope.errors import UsageError
from archscope.files import write_files
if os.getuid() == 0:  # who may write to everything
    os.setgid(65534)
    os.setuid(65534)
try:
    write_files({Path(sys.argv[1]): b"new"})
except UsageError as error:
    print(error.what)
"""


def test_a_file_that_is_read_only_is_not_replaced():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        kept = Path(folder) / "kept"
        kept.write_text("old")
        kept.chmod(0o444)
        done = subprocess.run([sys.executable, "-c", AS_NOBODY, str(kept)], capture_output=True, text=True, check=False)
        assert "it may not be written to" in done.stdout, done.stderr
        assert kept.read_text() == "old"


def test_commands_that_write_one_folder_at_once_leave_whole_files(tmp_path):
    reports = []
    for number in range(3):
        name = f"r{number}.json"
        made = made_report({"": ("Rest", 1, 0, 5), "a": ("A", 2 + number, 3, 6)}, name="net")
        (tmp_path / name).write_text(to_json(made))
        reports.append(name)
    running = [
        subprocess.Popen(
            [COMMAND, "analyze", name, "--out", "kept"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for name in reports
    ]
    for process in running:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    assert not list(tmp_path.rglob(".*"))
    found = [*tmp_path.rglob("report.json")]
    assert found
    for file in found:
        assert from_json(file.read_text()).totals.parameters in {3, 4, 5}
        assert (file.parent / "report.html").read_text().rstrip().endswith("</html>")
        assert (file.parent / "parameters.png").read_bytes().rstrip()[-8:-4] == b"IEND"
