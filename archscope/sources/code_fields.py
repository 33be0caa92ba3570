"""Fields of a transformers configuration that name code or an address: a configuration that has one is refused.

Whatever transformers would do with such a field (today it fetches attention kernels and models from a hub, and timm
does the same for its names), archscope measures what its own installed libraries build, and nothing else.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from archscope.errors import SpecError

#: What an implementation may be called: functions of transformers itself. Others come from a hub or a package.
_BUILT_IN = frozenset({"", "eager", "sdpa", "flex_attention", "paged|eager", "paged|sdpa", "batched_mm", "grouped_mm"})
_OF_CODE = re.compile(
    r"auto_map|custom_(?:generate|pipelines?|code|module|class|model\w*)|trust_remote_code|\w*code_revision|\w*kernel_(?:config|mapping|repo\w*)|allow_all_kernels"
    r"|use_kernels|\w*plugins?|\w*entry_?points?|\w*python_(?:module|class|file)|import_\w+|\w*_(?:module|class)_name"
    r"|checkpoint_(?:path|file)|gguf_file|adapter_(?:path|name_or_path)|proxies|token|endpoint|callbacks?|hooks?"
)
_OF_ADDRESSES = re.compile(r"(?:\w*_)?(?:urls?|uri|repo|repo_id|hub_id|host|index_path|passages_path|weights_path)")
_NAMES = re.compile(r"(?:\w*_)?(?:backbone|architecture|model_id|checkpoint)")  # models by name, of timm or of a hub
_PRETRAINED = re.compile(r"(?:use_)?pretrained(?:_backbone|_cfg\w*|_strict)?")
_ORIGIN = frozenset({"_name_or_path", "name_or_path", "_commit_hash", "transformers_version", "license", "tags"})
_COUNTED = re.compile(
    r"(?=.*(?:layer|label|block|expert|stage|depth|level|stack))(?!.*(?:size|dim|width|token|_id|posi))"
)
_MOST, _MOST_ROWS = 10_000, 1_000_000  # of anything that is made one by one: modules, and what is a row of one
_ROWS = ("label", "expert", "channel")
_DEEPEST = 50
_PLACE = re.compile(r"[\w.-]+/[\w.@:-]+|\w[\w.]*:\w+")  # owner/name, module:attribute
_FLOATS = ("Infinity", "-Infinity", "NaN")  # how transformers writes what JSON has no number for
_SHOWN = 100  # characters of a file that a message repeats


def without_code(fields: Mapping[str, Any], where: str) -> dict[str, Any]:
    """``fields`` without those that only say where they came from, and without quantisation, which changes no layer.

    Raises SpecError for a field, at any depth, that names code or an address, or that counts beyond measure.
    """
    return {key: _checked(key, value, where, 1) for key, value in fields.items() if not _is_left_out(key, value, where)}


def _is_left_out(key: str, value: Any, where: str) -> bool:
    return key in _ORIGIN or (key == "auto_map" and not value) or _is_quantization(key, value, where)


def _checked(key: str, value: Any, where: str, depth: int) -> Any:
    name = key.rpartition(".")[2].strip("_").lower()
    if depth > _DEEPEST:
        raise SpecError(f"{key[:_SHOWN]!r} is nested too deep", where=where, help="no configuration of transformers is")
    if _PRETRAINED.fullmatch(name) and isinstance(value, bool):
        return False  # weights change no figure
    if name.removesuffix("_internal").endswith(("attn_implementation", "experts_implementation")):
        _require_built_in(key, value, where)
    elif _is_address(name, value):
        raise _refused(key, value, where)
    elif isinstance(value, dict):
        return _inside(key, value, where, depth)
    elif isinstance(value, list):
        items = [_checked(key, item, where, depth + 1) for item in value]
        _require_few(key, name, len(items) + sum(item for item in items if type(item) is int and item > 0), where)
        return items
    elif isinstance(value, int):
        _require_few(key, name, value, where)
    return value


def _require_few(key: str, name: str, count: int, where: str) -> None:
    most = _MOST_ROWS if any(word in name for word in _ROWS) else _MOST
    if count > most and _COUNTED.match(name):
        raise SpecError(f"{key} is {count:,}", where=where, help=f"at most {most:,}: no network is made of so many")


def _is_address(name: str, value: Any) -> bool:
    """Whether a field of this name and value names code, or a place to fetch something from."""
    if _OF_CODE.fullmatch(name) or _OF_ADDRESSES.fullmatch(name) or _PRETRAINED.fullmatch(name):
        return bool(value)
    if not isinstance(value, str):
        return False
    return "://" in value or (_NAMES.fullmatch(name) is not None and re.fullmatch(r"[\w.-]*", value) is None)


def _inside(key: str, value: dict[str, Any], where: str, depth: int) -> Any:
    if value.keys() == {"__float__"} and value["__float__"] in _FLOATS:
        return float(value["__float__"])
    return {
        name: _checked(f"{key}.{name}", item, where, depth + 1)
        for name, item in value.items()
        if not _is_left_out(name, item, where)
    }


def _require_built_in(key: str, value: Any, where: str) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _require_built_in(f"{key}.{name}"[:100], item, where)
    elif value is not None and not (isinstance(value, str) and value in _BUILT_IN):
        raise _refused(key, value, where, help="write sdpa, which transformers takes by itself, or eager")


def _is_quantization(key: str, value: Any, where: str) -> bool:
    if key.strip("_").lower() not in {"quantization_config", "compression_config", "quantization"}:
        return False
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.items()
        elif isinstance(item, list):
            waiting += [("", inner) for inner in item]
        if _is_address(name.strip("_").lower(), item) or (isinstance(item, str) and _PLACE.fullmatch(item)):
            raise _refused(f"{key}.{name}", item, where)
    return True


def _refused(key: str, value: Any, where: str, *, help: str = "") -> SpecError:  # noqa: A002 - as in errors
    written = repr(value)
    shown = written if len(written) <= _SHOWN else f"{written[:_SHOWN]}..."
    return SpecError(
        f"{key[:_SHOWN]} = {shown} names code of its own, which archscope does not run, or an address",
        where=where,
        help=help or "remove the field to measure what transformers builds without it",
    )


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Let nothing be fetched from a hub, whatever the code of transformers or timm asks for."""
    constants: Any = sys.modules.get("huggingface_hub.constants")
    if constants is None:
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
