"""Files of weights and programs that would run code, grow or never end: each is an error of the file, within bounds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mutations import zipped
from torch import nn

import archscope
from archscope.errors import ImportModelError
from archscope.sources import load
from archscope.sources.expressions import cost_of

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def safetensors(folder, header, data=b"\0" * 8):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    (folder / "x.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    return f"{folder}/x.safetensors"


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [2**40, 2**40]},
        {"shape": [2**64]},
        {"shape": [2**63, 0], "data_offsets": [0, 0]},
        {"shape": [10**29]},
        {"shape": [True, 2]},
        {"shape": [2.0]},
        {"shape": ["2"]},
        {"data_offsets": [False, 8]},
        {"data_offsets": [0, 8.0]},
        {"data_offsets": [-8, 0]},
        {"data_offsets": [0, 8, 8]},
        {"data_offsets": [2**64, 2**64 + 8]},
        {"dtype": "__class__"},
        {"dtype": ["F32"]},
    ],
    ids=repr,
)
def test_a_header_with_impossible_sizes_is_an_error_of_the_file(tmp_path, entry):
    with pytest.raises(ImportModelError, match="is no whole safetensors file"):
        load(safetensors(tmp_path, {"a": {**F32, **entry}}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a": ' + b"9" * 5000 + b"}", "an integer of 5000 digits"),
        (b'{"a": {"dtype": "F32", "shape": [' + b"9" * 31 + b'], "data_offsets": [0, 8]}}', "an integer of 31 digits"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
        (b'{"a":' * 50_000, "nested too deep"),
        (b'{"a": {}, "a": {}}', "has a key twice"),
        (b'{"\xff": 1}', "not UTF-8"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_header_that_python_cannot_take_is_an_error_of_the_file(tmp_path, text, why):
    with pytest.raises(ImportModelError, match=why):
        load(safetensors(tmp_path, text))
    (tmp_path / "x.safetensors.index.json").write_bytes(text)
    with pytest.raises(ImportModelError, match=why):
        load(f"{tmp_path}/x.safetensors.index.json")


def test_a_shard_whose_name_no_file_can_have_is_an_error_of_the_index(tmp_path):
    for name in ("x" * 5000, "\0", "x\0.safetensors", "a/b.safetensors", "..", ""):
        index = {"weight_map": {"a": name if name.endswith("safetensors") else f"{name}.safetensors"}}
        (tmp_path / "x.safetensors.index.json").write_text(json.dumps(index))
        with pytest.raises(ImportModelError):
            load(f"{tmp_path}/x.safetensors.index.json")


def test_a_megabyte_of_paths_makes_no_million_modules(tmp_path):
    header = {f"{k}" + ".a" * 199: {**F32, "shape": [0], "data_offsets": [0, 0]} for k in range(2000)}
    spec = load(safetensors(tmp_path, header))
    with pytest.raises(ImportModelError, match="2,000 tensors lie in more than 9,000 modules"):
        spec.build()


def test_a_state_dict_that_holds_itself_ends(tmp_path):
    inside = {"weight": torch.zeros(2, 3)}
    for holder in ({}, {"epoch": 1}, {"optimizer": {"lr": 0.1}}):
        holder["state_dict"] = holder["model"] = holder
        torch.save(holder, tmp_path / "loop.pth")
        with pytest.raises(ImportModelError, match="holds no state_dict"):
            load(f"{tmp_path}/loop.pth")
        holder["ema"] = inside
        torch.save(holder, tmp_path / "loop.pth")
        assert archscope.analyze(load(f"{tmp_path}/loop.pth")).totals.parameters == 6
    a, b = {}, {}
    a["model"], b["net"] = b, a
    torch.save(a, tmp_path / "pair.pth")
    with pytest.raises(ImportModelError, match="holds no state_dict"):
        load(f"{tmp_path}/pair.pth")


def checkpoint(folder, body, *, zipped_up=True):
    pickled = b"\x80\x02" + body + b"."
    members = [("x/data.pkl", pickled), ("x/version", b"3\n"), ("x/byteorder", b"little")]
    (folder / "x.pth").write_bytes(zipped(members) if zipped_up else pickled)
    return f"{folder}/x.pth"


BOMBS = {
    "bytearray": b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R",
    "bytearray of Python 2": b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R",
    "codec": b"c_codecs\nencode\nc_codecs\nencode\nX\x01\0\0\0aX\x06\0\0\0utf-32\x86RX\x03\0\0\0hex\x86R",
    "tuple as a key": b"}N" + b"\x85" * 400_000 + b"Ns",
    "tuple of two as a key": b"}N" + b"N\x86" * 300_000 + b"Ns",
    "tuple by the memo": b"}Nq\1" + b"h\1\x85q\1" * 100_000 + b"Ns",
}


@pytest.mark.parametrize("zipped_up", [True, False], ids=["zip", "plain"])
def test_small_pickles_that_would_grow_or_crash_are_not_read(tmp_path, zipped_up):
    """In a process of its own with little memory: a tuple nested without end takes the whole process along."""
    files = []
    for number, body in enumerate(BOMBS.values()):
        (tmp_path / str(number)).mkdir()
        files.append(checkpoint(tmp_path / str(number), body, zipped_up=zipped_up))
    done = run_limited(*(f"load({file!r})" for file in files))
    kinds = [line.split(" ")[0] for line in done.stdout.splitlines() if "  " not in line[:2]]
    assert kinds == ["ImportModelError"] * len(BOMBS), (done.returncode, done.stdout, done.stderr)


def run_limited(*codes, memory=1_000_000_000):
    """Each of ``codes`` in one process that may take ``memory`` more than it has once everything is imported."""
    program = f"""\
import resource, torch, sympy
import archscope.sources.exported, archscope.sources.checkpoint
from archscope.errors import ArchscopeError
from archscope.sources import load
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {memory},) * 2)
for code in {codes!r}:
    try:
        exec(code)
        print("taken")
    except ArchscopeError as error:
        print(type(error).__name__, error)
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=300)


def test_what_torch_saves_of_a_training_run_is_still_read(tmp_path):
    model = nn.Linear(3, 4)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.rand(1, 3)).sum().backward()
    optimizer.step()
    whole = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "states": {"rng": torch.get_rng_state()},
        "note": b"bytes \xff",
        "sizes": (1, (2, (3, (4,)))),
        "names": {("a", "b"): OrderedDict(hex=1)},
    }
    for new in (True, False):
        torch.save(whole, tmp_path / "run.pth", _use_new_zipfile_serialization=new)
        assert archscope.analyze(load(f"{tmp_path}/run.pth")).totals.parameters == 16


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The members of a .pt2 with symbolic sizes."""
    folder = tmp_path_factory.mktemp("program")
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU()).eval()
    shapes = ({0: torch.export.Dim("b"), 2: torch.export.Dim("h", min=8, max=640)},)
    torch.export.save(torch.export.export(model, (torch.rand(2, 3, 16, 16),), dynamic_shapes=shapes), folder / "x.pt2")
    with zipfile.ZipFile(folder / "x.pt2") as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def with_expressions(members, *expressions):
    """The program with ``expressions`` in place of its sizes."""
    made = []
    for name, content in members:
        if name.endswith("models/model.json"):
            text = content.decode()
            for written in expressions:
                at = text.index('"expr_str": "') + len('"expr_str": "')
                text = text[:at].replace('"expr_str"', '"expr-str"', text.count('"expr_str"', 0, at) - 1) + text[at:]
                text = text[:at] + written + text[text.index('"', at) :]
            content = text.encode()  # noqa: PLW2901 - the content that is written
        made.append((name, content))
    return made


def saved(folder, members, compression=zipfile.ZIP_STORED):
    (folder / "x.pt2").write_bytes(zipped(members, compression))
    return f"{folder}/x.pt2"


def test_a_program_that_is_what_torch_wrote_is_opened(tmp_path, program):
    assert load(saved(tmp_path, program)).build() is not None


SLOW = {
    "tower": "9**9**9**9",
    "tower of xor": "9^9^9^9",
    "tower in calls": "Pow(9, Pow(9, Pow(9, 9)))",
    "shift": "LShift(1, 99999999999)",
    "power of powers": "((((((2**16)**16)**16)**16)**16)**16)",
    "factorial": "99999999!",
    "many in Max": f"Max({', '.join(f's{k} + {k}' for k in range(3000))})",
    "100 in Max": f"Max({', '.join(f's{k} + {k}' for k in range(100))})",
    "Max in Max": "Max(s0, 1)" + "".join(f" + Max(s{k}, Max(s{k + 1}, s{k + 2}))" for k in range(300)),
    "product in a remainder": f"Mod({'*'.join(f'(a{k} + b{k})' for k in range(20))}, s0)",
    "power in a remainder": "Mod((a + b + c + d + e + f)**16, (a - b)**16)",
    "precision": "Float(1.5, 999999999)",
    "nested": "(" * 3000 + "s0" + ")" * 3000,
    "nested sums": "-(" * 900 + "s0" + ")" * 900,
    "long": "s0 + " * 5000 + "s0",
    "attribute": "s0.diff",
    "lambda": "lambda: 1",
    "call of a call": "Symbol('a')(1)",
    "text": "Add('a', 1)",
    "digits": "9" * 40,
}


@pytest.mark.parametrize("name", SLOW)
def test_a_size_that_would_take_for_ever_is_refused_at_once(tmp_path, program, name):
    file = saved(tmp_path, with_expressions(program, SLOW[name]))
    start = time.process_time()
    with pytest.raises(ImportModelError):
        load(file)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        "s0",
        "2*s0 + 1",
        "((s0 - 1)//2) + 1",
        "FloorDiv(s77 - 1, 2) + 1",
        "Max(1, s0)",
        "Max(0, Min(s0, s1))",
        "Mod(s0*s1, 8)",
        "(((s0 - 1)//2)*((s1 - 1)//2))**2",
        "Symbol('s0', integer=True, positive=True)",
        "Piecewise((1, s0 < 2), (s0, True))",
        "Rational(1, 2)*s0",
        "s0 % 4 == 0",
        "".join("((" for _ in range(8)) + "s0" + "".join(" - 1)//2) + 1" for _ in range(8)),
    ],
)
def test_sizes_as_networks_have_them_are_cheap(text):
    assert 0 < cost_of(text) < 1000


@given(st.text(alphabet="s0129+-*/%(),.<>=!&|~^ MaxinModPw'_\n", max_size=60))
def test_any_text_is_priced_or_refused(text):
    cost = cost_of(text)
    assert cost is None or cost >= 0


def test_many_small_expressions_are_added_up(tmp_path, program):
    sizes = [{"as_expr": {"expr_str": f"((a{k} - {k})//2) + b{k}", "hint": None}} for k in range(20_000)]
    members = [
        (name, json.dumps({**json.loads(content), "more": sizes}).encode() if name.endswith("model.json") else content)
        for name, content in program
    ]
    with pytest.raises(ImportModelError, match="would take too long to work out"):
        load(saved(tmp_path, members))


@pytest.mark.parametrize("suffix", [".pt2", ".pth"])
def test_a_megabyte_that_unpacks_to_a_gigabyte_is_not_unpacked(tmp_path, program, suffix):
    zeros = b"\0" * 50_000_000
    name = "x/data/weights/weight_0" if suffix == ".pt2" else "x/data.pkl"
    members = [(name, zeros), *(member for member in program if member[0] != name)]
    file = tmp_path / f"x{suffix}"
    file.write_bytes(zipped(members, zipfile.ZIP_DEFLATED))
    assert file.stat().st_size < 1_000_000
    with pytest.raises(ImportModelError, match="is compressed, and would take"):
        load(str(file))


def test_members_that_lie_upon_each_other_are_refused(tmp_path):
    """Many entries of the directory for the same bytes: each declares what all together cannot have."""
    content = zipped([("x/data.pkl", b"\x80\x02}." + b" " * 1_000_000)])
    start = content.index(b"PK\x01\x02")
    entry, end = content[start : content.index(b"PK\x05\x06")], bytearray(content[content.index(b"PK\x05\x06") :])
    entries = b"".join(entry.replace(b"x/data.pkl", f"x/da{k:02}.pkl".encode()) for k in range(50))
    end[8:12] = (50).to_bytes(2, "little") * 2
    end[12:16] = len(entries).to_bytes(4, "little")
    (tmp_path / "x.pth").write_bytes(content[:start] + entries + bytes(end))
    with pytest.raises(ImportModelError, match="would take 50,000,2"):
        load(f"{tmp_path}/x.pth")


def test_no_reader_sees_other_members_than_were_looked_at(tmp_path, program):
    good = dict(program)
    model = next(name for name in good if name.endswith("model.json"))
    for twin in (model.upper(), model.replace("model.json", "MODEL.json")):
        with pytest.raises(ImportModelError, match="two of its members have the same name"):
            load(saved(tmp_path, [*program, (twin, b"{}")]))
    whole = zipped(program)
    for changed in (b"#!/bin/sh\n" + whole, whole[:-2] + b"\x04\x00x;y "):
        (tmp_path / "x.pt2").write_bytes(changed)
        with pytest.raises(ImportModelError, match=r"its directory does not stand where it says|is damaged"):
            load(f"{tmp_path}/x.pt2")


@pytest.mark.parametrize("suffix", [".pt2", ".pth"])
def test_a_zip_file_of_several_disks_is_an_error_of_the_file(tmp_path, suffix):
    whole = zipped([("x/data.pkl", b"\x80\x02}."), ("x/version", b"3\n")])
    locator = b"PK\x06\x07" + (0).to_bytes(4, "little") + (0).to_bytes(8, "little") + (7).to_bytes(4, "little")
    (tmp_path / f"x{suffix}").write_bytes(whole[:-22] + locator + whole[-22:])
    with pytest.raises(ImportModelError, match="multiple disks"):
        load(f"{tmp_path}/x{suffix}").build()


@pytest.mark.parametrize(
    "name",
    [
        "data/aotinductor/model/model.wrapper.so",
        "data/aotinductor/model/",
        "data/aotinductor/model/x.json",
        "models/modelEVIL!",  # torch takes any five letters for ".json"
        "data/constants/custom_obj_0",
        "data/constants/OPAQUE_OBJ_0",
        "data/weights/anything",
        "../outside.json",
    ],
)
def test_a_member_that_is_no_part_of_a_program_is_refused(tmp_path, program, name):
    with pytest.raises(ImportModelError, match="is no part of a program"):
        load(saved(tmp_path, [*program, (f"x/{name}", b"{}")]))


@pytest.mark.parametrize("key", ["__enum__", "default_factory_module"])
@pytest.mark.parametrize("levels", [0, 1, 2, 6])
def test_a_structure_that_names_a_module_to_import_is_refused(tmp_path, program, key, levels):
    hidden = {key: "antigravity", "fqn": "antigravity:fly", "name": "x"}
    for _ in range(levels):
        hidden = [json.dumps(hidden)]
    members = [
        (name, json.dumps({**json.loads(content), "more": hidden}).encode() if name.endswith("model.json") else content)
        for name, content in program
    ]
    with pytest.raises(ImportModelError, match="the name of a module to import"):
        load(saved(tmp_path, members))


def test_a_symbol_with_a_number_that_torch_would_count_up_to_is_refused(tmp_path, program):
    for symbol in ("u999999999999", "zuf99999999", "a.b", ""):
        members = [
            (
                name,
                json.dumps(
                    {**json.loads(content), "range_constraints": {symbol: {"min_val": 0, "max_val": 1}}}
                ).encode()
                if name.endswith("model.json")
                else content,
            )
            for name, content in program
        ]
        with pytest.raises(ImportModelError, match="the symbol"):
            load(saved(tmp_path, members))


def test_what_is_refused_takes_little_memory(tmp_path, program):
    """A megabyte of every kind, in a process that may take 200 MB more than it has."""
    zeros = zipped([("x/data.pkl", b"\0" * 900_000_000)], zipfile.ZIP_DEFLATED)
    (tmp_path / "bomb.pth").write_bytes(zeros)
    (tmp_path / "bomb.pt2").write_bytes(zeros)
    header = {f"{k}" + ".a" * 199: {**F32, "shape": [0], "data_offsets": [0, 0]} for k in range(2000)}
    paths = safetensors(tmp_path, header)
    (tmp_path / "deep.json").write_text("[" * 1_000_000)
    done = run_limited(
        f"load({str(tmp_path / 'bomb.pth')!r})",
        f"load({str(tmp_path / 'bomb.pt2')!r})",
        f"load({paths!r}).build()",
        f"load({str(tmp_path / 'deep.json')!r})",
        memory=200_000_000,
    )
    kinds = [line.split(" ")[0] for line in done.stdout.splitlines() if "  " not in line[:2]]
    assert kinds == [*["ImportModelError"] * 3, "UsageError"], (done.returncode, done.stdout, done.stderr)
