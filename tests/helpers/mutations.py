"""Good input, changed at random: text, bytes, JSON, zip files, pickles and symbolic expressions."""

from __future__ import annotations

import copy
import io
import json
import string
import zipfile

MEGABYTE = 1_000_000
SCALARS = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63, 2**64, 10**29, 10**31, 10**4000, 0.5, -1.5, 1e308),
    *("", "a", "a.b", "..", "\x1b[31m", "\x00", "\ud800", "x" * 3000, "owner/name", "https://x.y", "__import__('os')"),
    *([], {}, [[]], [0], ["a"], {"a": 1}, [-1, 2], [2**40, 2**40]),
)
WORDS = (
    *("[", "]", "{", "}", '"', "'", ",", ":", "=", "\n", "\r", "\t", " ", ".", "-", "0", "9" * 40, "9" * 5000, "1e999"),
    *("NaN", "Infinity", "null", "true", "\\u0000", "\\ud800", "\x1b", "\x07", "\x00", "\u202e", "é", "#", "**", "*"),
    *("?", "%", "<", "0x" + "f" * 60, "'''", '"""', "[[", "]]", "_", "1_0", "inf", "a.a.a.", "\\", "-0", "+1", "x"),
)


def mutated_text(random, text):
    """``text`` with a few of its parts changed, cut, doubled, or with ``WORDS`` among them."""
    for _ in range(random.randint(1, 4)):
        at, end = sorted((random.randint(0, len(text)), random.randint(0, len(text))))
        end = min(end, at + random.choice((0, 1, 3, 20, 400)))
        match random.randint(0, 4):
            case 0:
                text = text[:at] + text[end:]
            case 1:
                text = text[:at] + random.choice(WORDS) + text[end:]
            case 2:
                text = text[:at] + text[at:end] * random.choice((2, 3, 50)) + text[end:]
            case 3:
                text = text[:at] + random.choice(WORDS) * random.choice((1, 2, 30, 300)) + text[end:]
            case 4:
                text = text[:at] + "".join(random.choices(string.printable, k=random.randint(1, 5))) + text[end:]
    return text


def mutated_bytes(random, content):
    """The same for bytes."""
    made = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(made))
        match random.randint(0, 4):
            case 0:
                del made[at : at + random.choice((1, 2, 8, 100))]
            case 1:
                made[at:at] = random.randbytes(random.choice((1, 4, 8)))
            case 2 if at < len(made):
                made[at] = random.randrange(256)
            case 3 if at < len(made):
                made[at] ^= 1 << random.randrange(8)
            case 4:
                made[at : at + 8] = random.choice((b"\xff" * 8, b"\0" * 8, b"\xff\xff\xff\x7f", made[at : at + 8] * 9))
    return bytes(made)


def mutated_plain(random, plain, scalars=SCALARS):
    """``plain`` (as JSON holds it) with a few places changed, removed, doubled, swapped or moved."""
    plain = copy.deepcopy(plain)
    for _ in range(random.randint(1, 3)):
        places = list(_places(plain))
        if not places:
            return random.choice(scalars)
        holder, key = random.choice(places)
        match random.randint(0, 6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case 2 if type(holder[key]) is int:
                holder[key] += random.choice((1, -1, 10, -(10**6), 10**12))
            case 3:
                other, there = random.choice(places)
                holder[key] = copy.deepcopy(other[there])
            case 4 if isinstance(holder, dict):
                holder[random.choice(("", "a", "auto_map", "x" * 200, key + "_"))] = copy.deepcopy(holder[key])
            case 5 if isinstance(holder, list):
                random.shuffle(holder)
            case _:
                holder[key] = copy.deepcopy(random.choice(scalars))
    return plain


def _places(plain):
    waiting = [plain]
    while waiting:
        value = waiting.pop()
        keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in list(keys):
            yield value, key
            waiting.append(value[key])


def blown_up(random, text):
    """Text of about a megabyte out of a part of ``text`` or of a word, now and then."""
    part = random.choice((random.choice(WORDS), text[: random.randint(1, 200)], random.choice("[{(\"'.*a1 \n")))
    at = random.randint(0, len(text))
    return text[:at] + part * (MEGABYTE // max(len(part), 1)) + text[at:]


def json_like(random, plain):
    """JSON text: mostly of a changed document, else changed text, rarely a megabyte of it."""
    kind = random.random()
    if kind < 0.7:
        return json.dumps(mutated_plain(random, plain))
    text = json.dumps(plain)
    return mutated_text(random, text) if kind < 0.998 else blown_up(random, text)


def toml_like(random, text):
    """TOML text, changed."""
    return mutated_text(random, text) if random.random() < 0.998 else blown_up(random, text)


def zipped(members, compression=zipfile.ZIP_STORED):
    """A zip file of ``members``, pairs of name and content."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


EXPRESSIONS = ("s0", "s1", "1", "2", "16", "999999999", "u0", "zuf1")
JOINTS = ("+", "-", "*", "//", "%", "**", "/", ">", "==", "&")
CALLS = (
    "Max",
    "Min",
    "FloorDiv",
    "Mod",
    "ceiling",
    "floor",
    "Pow",
    "LShift",
    "CeilToInt",
    "Piecewise",
    "Float",
    "eval",
)


def expression(random, depth=0):
    """A symbolic size as a file may write it, mostly arithmetic."""
    if depth > random.randint(1, 5):
        return random.choice(EXPRESSIONS)
    if random.random() < 0.3:
        most = random.choice((1, 2, 3, 12))
        return f"{random.choice(CALLS)}({', '.join(expression(random, depth + 1) for _ in range(most))})"
    terms = [expression(random, depth + 1) for _ in range(random.choice((1, 2, 2, 3)))]
    return f"({random.choice(JOINTS).join(terms)})"


def program_like(random, members):
    """A .pt2 with expressions, JSON or bytes changed, compressed, or with members added."""
    made = []
    victim = random.randrange(len(members))
    how = random.random()
    for index, (name, content) in enumerate(members):
        if name.endswith("models/model.json") and how < 0.4:
            text = content.decode()
            sign = random.choice(('"expr_str": "', '"as_int": '))
            places = [at for at in range(len(text)) if text.startswith(sign, at)]
            for at in random.sample(places, min(len(places), random.randint(1, 3))) if places else ():
                end = text.index('"', at + len(sign)) if sign.startswith('"expr') else at + len(sign)
                written = expression(random) if sign.startswith('"expr') else str(random.choice((-1, 10**6, 10**40)))
                text = text[: at + len(sign)] + written + text[end:]
            content = text.encode()  # noqa: PLW2901 - the content that is written
        elif name.endswith(".json") and how < 0.7:
            content = json_like(random, json.loads(content)).encode("utf-8", "surrogatepass")  # noqa: PLW2901
        elif index == victim and how < 0.9:
            content = mutated_bytes(random, content)  # noqa: PLW2901
        made.append((name, content))
    if how > 0.95:
        made.append((random.choice(("good/data/aotinductor/model/a.so", "net/models/x", "net/ARCHIVE_FORMAT")), b"x"))
    whole = zipped(made, random.choice((zipfile.ZIP_STORED,) * 9 + (zipfile.ZIP_DEFLATED,)))
    return mutated_bytes(random, whole) if 0.9 < how < 0.95 else whole


def weights_like(random, kinds):
    """A .pth: its bytes changed, or its pickle changed inside a whole zip file."""
    members, plain, legacy = kinds
    how = random.random()
    if how < 0.2:
        return mutated_bytes(random, zipped(members))
    if how < 0.4:
        return mutated_bytes(random, random.choice((plain, legacy)))
    if how < 0.6:
        return bomb(random)
    made = [(name, mutated_bytes(random, content) if name.endswith(".pkl") else content) for name, content in members]
    return zipped(made, random.choice((zipfile.ZIP_STORED,) * 9 + (zipfile.ZIP_DEFLATED,)))


def bomb(random):
    """A pickle put together of opcodes that are allowed one by one."""
    size = random.choice((3, 30, 300, 30_000))
    body = random.choice(
        (
            lambda: b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R",
            lambda: b"c_codecs\nencode\nX\x01\0\0\0aX\x03\0\0\0hex\x86R" * size,
            lambda: b"}N" + b"\x85" * size + b"Ns",
            lambda: b"(" * size + b"N" + b"t" * size,
            lambda: b"}q\0X\x0a\0\0\0state_dicth\0s",
            lambda: b"ccollections\nOrderedDict\n)R" * size,
            lambda: b"".join(
                random.choice(
                    (
                        b"N",
                        b"]",
                        b"}",
                        b"(",
                        b")",
                        b"\x85",
                        b"\x86",
                        b"t",
                        b"a",
                        b"s",
                        b"u",
                        b"q\1",
                        b"h\1",
                        b"K\1",
                        b"R",
                        b"b",
                        b"\x88",
                        b"X\1\0\0\0a",
                        b"2",
                        b"0",
                    )
                )
                for _ in range(size)
            ),
        )
    )()
    pickled = b"\x80\x02" + body + b"."
    member = [("a/data.pkl", pickled), ("a/version", b"3\n"), ("a/byteorder", b"little"), ("a/data/0", b"0" * 16)]
    return random.choice((pickled, zipped(member)))
