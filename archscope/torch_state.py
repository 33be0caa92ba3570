"""Saving and restoring torch's global switches and random states, without loading torch for it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Restore: TypeAlias = Callable[[], None]
_Switch: TypeAlias = tuple[Callable[[], Any], Callable[[Any], Any]]

#: Where torch keeps a precision, outer before inner: writing an outer one may write those inside.
_PRECISIONS = (
    "",
    "cudnn",
    "cudnn.conv",
    "cudnn.rnn",
    "cuda.matmul",
    "mkldnn",
    "mkldnn.matmul",
    "mkldnn.conv",
    "mkldnn.rnn",
)
_ATTENTION = ("flash", "mem_efficient", "math", "cudnn")


def torch_state() -> Iterator[Restore]:
    """One function for each piece of state that puts it back; each may raise, and is of no concern to the others."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "set_default_device"):  # half imported, or not at all
        return
    yield _default_device(torch)
    for read, write in _random_states(torch):
        yield functools.partial(write, read())
    for read, write in (*_switches(torch), *_precisions(torch)):
        try:
            value = read()
        except (AttributeError, RuntimeError):  # another version of torch; old and new precision settings mix
            continue
        yield _unless_same(read, write, value)


def global_hooks() -> Iterator[Restore]:
    """The same for the hooks that torch calls for every module and every optimizer, whoever's they are."""
    return map(_same_dictionary, _global_hooks() if "torch.optim.optimizer" in sys.modules else ())


def compiler_state() -> Iterator[Restore]:
    """The same for the configuration of torch's compiler, as far as it is loaded."""
    for name in ("torch._dynamo.config", "torch._inductor.config", "torch._functorch.config"):
        config: Any = sys.modules.get(name)
        if hasattr(config, "get_config_copy"):
            yield _same_configuration(config)


def _same_configuration(config: Any) -> Restore:
    digest = config.get_hash()  # kept by torch until something is set, where a copy takes a millisecond
    before = _content(config, digest)

    def restore() -> None:
        if config.get_hash() != digest:
            for key, value in config.get_config_copy().items():
                if key in before and value is not before[key] and value != before[key]:
                    setattr(config, key, before[key])

    return restore


@functools.lru_cache(maxsize=8)
def _content(config: Any, _digest: bytes) -> dict[str, Any]:
    return config.get_config_copy()  # type: ignore[no-any-return]


@functools.cache
def _global_hooks() -> list[dict[Any, Any]]:
    homes = [vars(sys.modules[name]) for name in ("torch.nn.modules.module", "torch.optim.optimizer")]
    named = [pair for home in homes for pair in home.items()]
    return [held for name, held in named if name.startswith("_global_") and isinstance(held, dict)]


def _same_dictionary(held: dict[Any, Any]) -> Restore:
    before = dict(held)

    def restore() -> None:
        if held != before:
            held.clear()
            held.update(before)

    return restore


def _random_states(torch: Any) -> Iterator[_Switch]:
    yield torch.get_rng_state, torch.set_rng_state
    if torch.cuda.is_initialized():
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all


def _switches(torch: Any) -> Iterator[_Switch]:
    yield torch.get_default_dtype, torch.set_default_dtype
    yield torch.is_grad_enabled, torch.set_grad_enabled
    yield torch.get_num_threads, torch.set_num_threads
    yield torch.is_warn_always_enabled, torch.set_warn_always
    yield _attribute(torch.backends.quantized, "engine")
    yield torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly
    yield (
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda modes: torch.use_deterministic_algorithms(modes[0], warn_only=modes[1]),
    )
    for flag in ("benchmark", "deterministic", "enabled"):
        yield _attribute(torch.backends.cudnn, flag)
    for kind in _ATTENTION:
        yield (
            functools.partial(_called, torch.backends.cuda, f"{kind}_sdp_enabled"),
            functools.partial(_called, torch.backends.cuda, f"enable_{kind}_sdp"),
        )
    for flag in ("fp16", "bf16"):
        yield _attribute(torch.backends.cuda.matmul, f"allow_{flag}_reduced_precision_reduction")
    yield _attribute(torch.backends.cuda.matmul, "allow_fp16_accumulation")
    yield _attribute(torch.backends.cudnn, "benchmark_limit")
    for flag in ("enabled", "strategy"):
        yield _attribute(torch.backends.opt_einsum, flag)
    yield _attribute(torch.utils.deterministic, "fill_uninitialized_memory")
    yield _invariants_of_sparse(torch)
    for library in ("mkldnn", "nnpack"):
        yield (
            functools.partial(_called, torch._C, f"_get_{library}_enabled"),  # noqa: SLF001 - no public name
            functools.partial(_called, torch._C, f"_set_{library}_enabled"),  # noqa: SLF001
        )
    for name in ("swap_module_params", "overwrite_module_params"):
        yield (
            functools.partial(_called, torch.__future__, f"get_{name}_on_conversion"),
            functools.partial(_called, torch.__future__, f"set_{name}_on_conversion"),
        )
    yield torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled
    yield torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled
    for device in ("cpu", "cuda"):
        for name in ("autocast_enabled", "autocast_dtype"):
            reader = f"is_{name}" if name.endswith("enabled") else f"get_{name}"
            yield (
                functools.partial(_called, torch, reader, device),
                functools.partial(_called, torch, f"set_{name}", device),
            )


def _precisions(torch: Any) -> Iterator[_Switch]:
    """Two sets of switches for the same thing: the older first, because writing them writes the newer as well."""
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    for backend in (torch.backends.cuda.matmul, torch.backends.cudnn):
        yield _attribute(backend, "allow_tf32")
    for place in _PRECISIONS:
        holder = torch.backends
        for name in place.split(".") if place else ():
            holder = getattr(holder, name, None)
        yield _attribute(holder, "fp32_precision")


def _invariants_of_sparse(torch: Any) -> _Switch:
    checks = torch.sparse.check_sparse_tensor_invariants
    return checks.is_enabled, lambda enabled: checks.enable() if enabled else checks.disable()


def _attribute(holder: Any, name: str) -> _Switch:
    return functools.partial(getattr, holder, name), functools.partial(setattr, holder, name)


def _called(holder: Any, name: str, *values: Any) -> Any:
    return getattr(holder, name)(*values)


def _unless_same(read: Callable[[], Any], write: Callable[[Any], Any], value: Any) -> Restore:
    def restore() -> None:
        try:
            same = read() == value
        except RuntimeError:  # it cannot be read while settings mix, but written
            same = False
        if not same:
            write(value)

    return restore


def _default_device(torch: Any) -> Restore:
    """What ``set_default_device`` was told; a ``with torch.device(...)`` around us is left alone."""

    def told() -> Any:
        return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)  # noqa: SLF001 - torch offers no other way

    before = told()

    def restore() -> None:
        if told() is not before:
            torch.set_default_device(before and before.device)

    return restore
