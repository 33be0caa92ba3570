"""Pickles of torch, looked through before they are read: what would grow or nest without end is not unpickled.

``torch.load(weights_only=True)`` runs no code of a file, but calls what it allows with any arguments: ``bytearray``
with a size, codecs one on the result of the other. And Python hashes a tuple by recursion that only the stack ends.
"""

from __future__ import annotations

import codecs
import pickletools
from typing import Any, BinaryIO, NamedTuple

_ENCODE = "_codecs encode"
_GROWING = frozenset({"builtins bytearray", "__builtin__ bytearray"})
_ONE_TO_ONE = frozenset({"iso8859-1", "utf-8", "ascii"})  # codecs whose result is as long as their text
_DEEPEST = 500
_SHORT = 3  # parts of a tuple that are looked into
_GROWS = "what grows when it is read"
_FILLS = frozenset({"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"})
_PICKLES = 5  # that stood in one file before torch wrote zip files: magic number, protocol, system, object, keys


def harm_in(stream: BinaryIO, *, several: bool = False) -> str:
    """Why the pickle at the start of ``stream`` (``several``: those of the format before zip) is not to be read.

    Empty when there is no reason; what is no pickle is for the reader to tell.
    """
    for _ in range(_PICKLES if several else 1):
        try:
            reason = _harm(stream)
        except (ValueError, KeyError, IndexError, EOFError, UnicodeDecodeError, OverflowError, MemoryError):
            return ""
        if reason:
            return reason
    return ""


class _Seen(NamedTuple):
    """Something on the unpickler's stack: how deep it is nested (-1 for a mark), and what is known of it.

    Known are the texts and globals themselves and, of a short tuple, what is known of each of its parts.
    """

    depth: int
    known: Any = None


def _harm(stream: BinaryIO) -> str:
    stack: list[_Seen] = []
    memo: dict[int, _Seen] = {}
    for op, argument, _ in pickletools.genops(stream):
        if op.name in {"GLOBAL", "INST"} and argument in _GROWING:
            return _GROWS
        if op.name in {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}:
            memo[argument if isinstance(argument, int) else len(memo)] = stack[-1]
        elif op.name in {"GET", "BINGET", "LONG_BINGET"}:
            stack.append(memo[int(argument or 0)])
        elif op.name == "MARK":
            stack.append(_Seen(-1))
        else:
            if op.name == "REDUCE" and stack[-2].known == _ENCODE and not _is_one_to_one(stack[-1].known):
                return _GROWS
            _apply(op, argument, stack)
            if stack and stack[-1].depth > _DEEPEST:
                return "things nested without end"
    return ""


def _apply(op: pickletools.OpcodeInfo, argument: Any, stack: list[_Seen]) -> None:
    """Do to ``stack`` what ``op`` does to the unpickler's."""
    taken: list[_Seen] = []
    below = len(op.stack_before)
    if pickletools.markobject in op.stack_before:
        while stack[-1].depth >= 0:
            taken.append(stack.pop())
        stack.pop()
        below = op.stack_before.index(pickletools.markobject)
    taken += [stack.pop() for _ in range(below)]
    deepest = max((seen.depth for seen in taken), default=-1) + 1
    if op.name in _FILLS:  # the container was taken last
        deepest = max(taken[-1].depth, max((seen.depth for seen in taken[:-1]), default=-1) + 1)
    known: Any = argument if isinstance(argument, str) else None
    if isinstance(argument, bytes):
        known = argument.decode("latin-1")
    elif op.name.startswith("TUPLE") and len(taken) <= _SHORT:
        known = tuple(seen.known for seen in reversed(taken))
    stack += [_Seen(deepest, known)] * len(op.stack_after)


def _is_one_to_one(arguments: Any) -> bool:
    """Whether an encoding with these arguments gives about as much as it takes."""
    if not isinstance(arguments, tuple) or not arguments:
        return False
    name = arguments[1] if len(arguments) > 1 else "utf-8"
    try:
        return isinstance(name, str) and codecs.lookup(name).name in _ONE_TO_ONE
    except (LookupError, ValueError):
        return False
