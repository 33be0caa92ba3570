"""What plain objects hold in ``__slots__``, where no ``__dict__`` shows it: taken down, and put back."""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

_EMPTY: Any = object()


_KNOWN: weakref.WeakKeyDictionary[type, tuple[types.MemberDescriptorType, ...]] = weakref.WeakKeyDictionary()


def slots_of(kind: type) -> tuple[types.MemberDescriptorType, ...]:
    """The slots that a user's own classes gave ``kind``; none for those of Python, which are compared by identity."""
    known = _KNOWN.get(kind)
    if known is None:
        known = _KNOWN[kind] = _slots_of(kind)
    return known


def _slots_of(kind: type) -> tuple[types.MemberDescriptorType, ...]:
    if kind.__module__.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return ()
    own = (vars(base) for base in kind.__mro__ if "__slots__" in vars(base))
    return tuple(slot for names in own for slot in names.values() if type(slot) is types.MemberDescriptorType)


def slot_names(kind: type) -> Iterator[str]:
    """The slots of ``kind`` as attributes are called, those of Python's own classes too."""
    for base in kind.__mro__[:-1]:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"}:
                yield (
                    f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
                )


def values_in(holder: Any) -> Iterator[Any]:
    """What the slots of ``holder`` hold, of those that hold something."""
    return (value for _, value in _content(holder) if value is not _EMPTY)


def slots_kept(holder: Any) -> Callable[[], object]:
    """What puts back into the slots of ``holder`` what they hold now."""
    before = _content(holder)

    def put_back() -> None:
        for (slot, value), (_, now) in zip(before, _content(holder), strict=True):
            if now is value:
                continue
            if value is _EMPTY:
                slot.__delete__(holder)
            else:
                slot.__set__(holder, value)

    return put_back


def _content(holder: Any) -> list[tuple[types.MemberDescriptorType, Any]]:
    return [(slot, _held(slot, holder)) for slot in slots_of(type(holder))]


def _held(slot: types.MemberDescriptorType, holder: Any) -> Any:
    try:
        return slot.__get__(holder, type(holder))
    except AttributeError:
        return _EMPTY
