"""The containers of Python that a model keeps things in, and putting back what one held."""

from __future__ import annotations

import contextlib
from collections import OrderedDict, deque
from operator import is_
from typing import Any

CONTAINERS = (OrderedDict, dict, list, set, deque)
_ITSELF = {kind: kind for kind in CONTAINERS}


def refill(container: Any, content: Any) -> None:
    """Put ``content`` back, if anything changed; by the base class, whatever a subclass forbids.

    One that cannot be filled (its own ``__iter__`` or ``__len__`` fails) keeps no other from coming back.
    """
    kind = type(container)
    if kind in _ITSELF and unchanged(container, content, kind):
        return
    with contextlib.suppress(Exception):
        _put_back(container, content)


def _put_back(container: Any, content: Any) -> None:
    kind = container_kind(container)
    if unchanged(container, content, kind):
        return
    kind.clear(container)
    if isinstance(container, dict):
        for key, value in dict(content).items():
            kind.__setitem__(container, key, value)
    else:
        (kind.update if kind is set else kind.extend)(container, content)


def unchanged(container: Any, content: Any, kind: Any) -> bool:
    """Whether ``container``, of the built-in class ``kind``, holds the very objects of ``content`` in their order."""
    if len(container) != len(content) or not all(map(is_, container, content)):
        return False
    return not isinstance(content, dict) or all(map(is_, kind.values(container), content.values()))


def container_kind(container: Any) -> Any:
    """The built-in class of a container: what its subclass forbids or does besides is not meant here."""
    kind = _ITSELF.get(type(container))
    return kind or next(kind for kind in CONTAINERS if isinstance(container, kind))
