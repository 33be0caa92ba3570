"""The weak dictionaries and sets of Python and of torch, which a model may keep its modules and tensors in."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from torch.utils.weak import WeakIdKeyDictionary

#: By exact type: these are abstract classes, of which asking for an instance is slow.
WEAK = frozenset({weakref.WeakKeyDictionary, weakref.WeakValueDictionary, WeakIdKeyDictionary, weakref.WeakSet})


class WeakContent(NamedTuple):
    """A weak container with what it held; that lives as long as this does."""

    container: Any
    items: tuple[tuple[Any, Any], ...]  # of a set, each thing with itself

    def put(self, replaced: Callable[[Any], Any]) -> None:
        """Let the container hold ``replaced`` of what it held, and nothing else."""
        self.container.clear()
        for key, value in self.items:
            new = replaced(key)
            if isinstance(self.container, weakref.WeakSet):
                self.container.add(new)
            else:
                self.container[new] = replaced(value)

    def put_back(self) -> None:
        """Let it hold what it held, if that changed."""
        with contextlib.suppress(Exception):
            now = weak_content(self.container).items
            same = len(now) == len(self.items) and all(
                key is old_key and value is old for (key, value), (old_key, old) in zip(now, self.items, strict=True)
            )
            if not same:
                self.put(lambda held: held)


def weak_content(container: Any) -> WeakContent:
    """What ``container``, one of ``WEAK``, holds now."""
    if isinstance(container, weakref.WeakSet):
        return WeakContent(container, tuple((held, held) for held in container))
    return WeakContent(container, tuple(container.items()))


def empty_twin(container: Any) -> Any:
    """A container of the same class with nothing in it; None where its class wants arguments."""
    with contextlib.suppress(Exception):
        made = type(container)()
        return made if not len(made) else None
    return None
