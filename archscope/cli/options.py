"""The arguments and options that several commands share, each declared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import click
from click.shell_completion import CompletionItem

from archscope.config import find_config
from archscope.documents.columns import rankings
from archscope.errors import ArchscopeError, UsageError
from archscope.measure.summing.optimizers import OPTIMIZERS
from archscope.memory import ask_for, parse_bytes
from archscope.metrics import BYTES, METRICS, limitable
from archscope.models import ALIASES, ZOO
from archscope.policy import Budget, Limit

#: The rules that --convention knows (archscope.judge.conventions has them, and needs to be imported only then).
CONVENTION_NAMES = ("macs", "flops", "fvcore", "thop", "torch")

F = TypeVar("F", bound=Callable[..., Any])


class ModelOptions(TypedDict):
    """The values of ``model_options``: a command takes them as ``**asked`` and hands them on to ``measure``."""

    inputs: tuple[str, ...]
    settings: tuple[str, ...]


_BATCH, _METHOD = "archscope.batch", "archscope.method"


def _keep(context: click.Context, key: str, value: str | None) -> None:
    context.meta[key] = value or ""


def function_and_method() -> tuple[str, str]:
    """What --inputs and --call say; empty for nothing."""
    context = click.get_current_context(silent=True)
    batch, method = (str(context.meta.get(key, "")) if context else "" for key in (_BATCH, _METHOD))
    return batch, method


def call_of(texts: Sequence[str]) -> Any:
    """What the line says that the model is called with: the words of --input, --inputs and --call; None for nothing."""
    from archscope.sources import parse_call

    batch, method = function_and_method()
    if not batch and not texts and not method:
        return None
    if texts and batch:
        raise UsageError("--input and --inputs contradict each other", help="let the function make all arguments")
    if texts:
        return parse_call(texts, method)
    from archscope.spec import Given

    if not batch:
        return Given(method=method)
    from archscope.sources.batch import made_batch

    return Given(value=made_batch(batch), method=method)


def options(*declared: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator that declares several options, in the order in which the help lists them."""

    def decorate(command: F) -> F:
        for option in reversed(declared):
            command = option(command)
        return command

    return decorate


class ModelArgument(click.Argument):
    """An argument that takes a MODEL: completed from the config and the zoo, without running any code of a model."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """The names that begin with ``incomplete``, then files."""
        names = [*_configured(), *ZOO, *ALIASES]
        found = [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]


def _configured() -> list[str]:
    try:
        config = find_config(Path.cwd())
    except ArchscopeError:
        return []  # completion stays silent: the command that follows tells the error
    return [*config.models, *(budget.name for budget in config.budgets)] if config else []


model_argument = click.argument("model", cls=ModelArgument)

model_options = options(
    click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="[NAME=]VALUE",
        help="An argument: a tensor as 1x3x640x640 or ids=1x128:int64, or use_cache=True, scale=0.5, mode=fast, "
        "mask=None, images=[3x64x64,3x64x64], batch.image=1x3x32x32; may repeat.",
    ),
    click.option(
        "--inputs",
        "batch",
        metavar="FILE.py:NAME",
        expose_value=False,
        callback=lambda context, _parameter, value: _keep(context, _BATCH, value),
        help="A function that makes what the model takes (or package.module:NAME).",
    ),
    click.option(
        "--call",
        "method",
        metavar="METHOD",
        expose_value=False,
        callback=lambda context, _parameter, value: _keep(context, _METHOD, value),
        help="Another method than forward: generate, encode, training_step.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of the model's builder: width=32, act=None, widths=[8,32], hparams={hidden: 32}, "
        "config.depth=2 for a field; may repeat.",
    ),
    click.option(
        "--max-memory",
        metavar="SIZE",
        expose_value=False,
        callback=lambda _context, _parameter, value: ask_for(None if value is None else parse_bytes(value)),
        help="The most that a model's tensors may take on the CPU, such as 16G.  [default: half of what is free]",
    ),
)

file_argument = click.argument("file", type=click.Path(path_type=Path), required=False)

rows_option = click.option(
    "-n", "limit", type=click.IntRange(0), default=30, show_default=True, help="Rows at most; 0 is all."
)


#: ``--where``, as text; ``--top N`` is -n N, and ``--wide`` the whole width of every table with all prominent figures.
choosing_options = options(
    click.option(
        "--where",
        metavar="CONDITION",
        help="Only rows that meet it: 'macs > 1M', 'parameters >= 5% and type = Conv2d', 'path ~ layers.* or not "
        "(flops < 1K)'.",
    ),
    click.option("--top", type=click.IntRange(1), metavar="N", help="The N largest rows: -n N."),
    click.option(
        "--wide",
        is_flag=True,
        callback=lambda context, _parameter, value: context.meta.setdefault(WIDE, value),
        help="More figures, and tables in their whole width whatever the terminal: for | less -S.",
    ),
)

#: Where a context keeps that ``--wide`` was asked for.
WIDE = "archscope.wide"


def depth_option(default: int) -> Callable[[F], F]:
    """``--depth``: how many levels of modules are shown."""
    return click.option(
        "--depth", type=click.IntRange(0), default=default, show_default=True, help="Levels of modules; 0 is all."
    )


def sort_option(*others: str, default: str, help: str) -> Callable[[F], F]:  # noqa: A002 - click's word
    """``--sort`` by one of the metrics that every module has, or by one of ``others``."""
    orders = [*others, *rankings()]
    return click.option("--sort", type=click.Choice(orders), default=default, show_default=True, help=help)


training_options = options(
    click.option("--training", is_flag=True, help="Measure a training step too: forward, backward and memory."),
    click.option(
        "--optimizer",
        type=click.Choice([*OPTIMIZERS]),
        help="Whose state the memory of a training step holds; implies --training.  [default: adamw]",
    ),
)


def optimizer_of(*, training: bool, optimizer: str | None) -> str:
    """The optimizer of the training step that ``training_options`` ask for; empty without one."""
    return optimizer or ("adamw" if training else "")


rule_options = options(
    click.option("--sparsity", is_flag=True, help="Count the weights that are 0 (builds the model for real)."),
    click.option(
        "--convention",
        "conventions",
        multiple=True,
        type=click.Choice(CONVENTION_NAMES),
        help="Restate the run in another counter's rule; may repeat.",
    ),
)


def _keep_limit(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    limits = context.params.setdefault("limits", [])
    if value is None:
        return
    flag = parameter.opts[0]
    try:
        metric = str(parameter.name).removeprefix("max_")
        limit = Limit.parse(value.removesuffix("B") if METRICS[metric].unit == BYTES else value)
    except UsageError as error:
        raise UsageError(f"{flag}: {error.what}", help=error.help) from error
    if limit.percent is not None:
        raise UsageError(f"{flag}: {value!r} is a share of nothing", help="a budget in archscope.toml can be a share")
    limits.append(Budget(name=flag.removeprefix("--"), model="", metric=metric, max=limit))


#: ``--max-params N``, and one more for each metric, given to the command as ``limits``: budgets without a model.
limit_options = options(
    *(
        click.option(
            *(["--max-params"] if name == "parameters" else []),
            f"--max-{name.replace('_', '-')}",
            f"max_{name}",
            metavar="N",
            expose_value=False,
            callback=_keep_limit,
            help=f"Limit: {metric.help}.",
        )
        for name, metric in limitable().items()
    )
)
