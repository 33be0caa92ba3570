"""The command line (click): each command parses its words, calls the library and prints; imported when it runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import click

from archscope.cli.child import can_fork, guarded
from archscope.cli.failures import DEBUG, exit_code_of
from archscope.cli.streams import flush_all, open_all
from archscope.errors import UsageError, did_you_mean
from archscope.interrupts import interrupts_leave, interrupts_raise

#: What each command is for; it lives in ``archscope.cli.<name>`` as ``command``.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "analyze": "Measure a model: parameters, MACs and FLOPs by component, module and operator.",
        "check": "Hold models to their budgets: those of archscope.toml, or limits given on the line.",
        "compare": "Compare models: totals, components and modules, before and after, or several side by side.",
        "claims": "Hold published figures against measured ones, and say how the false ones came about.",
        "lock": "Write down what models cost in archscope.lock, so that growth is seen.",
        "why": "Explain one number: shapes, calls, the formula with the figures put in, weights, parents.",
        "crosscheck": "Run other counters on a model and say what makes each of them differ.",
        "models": "List the models that are known by name: of archscope.toml and of the zoo.",
        "formulas": "List which operators are counted or free, with the rule of each.",
        "init": "Measure a model, then write an archscope.toml that holds it to what it costs now.",
        "config": "Show the settings that hold here, each with the line that it comes from.",
        "completion": "Print the script that completes words in bash, zsh or fish.",
        "plan": "Tell whether reduction targets add up, what each proposal saves, and what settings cost.",
        "scale": "Give what a model costs as exact formulas of its sizes, and the largest size that holds a limit.",
        "embed": "Refresh the figures of models in READMEs and model cards, or check that they are up to date.",
        "badge": "Draw one figure of a model as a badge.",
        "report": "Render the reports of the zoo, or check that those on disk are up to date.",
        "train": "Train a face detector, alone or from a teacher.",
        "evaluate": "Evaluate face detections by the WIDER FACE protocol: AP easy, medium and hard.",
        "detect": "Find the faces in a picture, and draw them into a copy.",
        "faces": "Make a small data set of drawn faces, or check one in the format of WIDER FACE.",
    }
)
#: Those that run models.
MEASURING = frozenset(
    {
        *("analyze", "badge", "check", "claims", "compare", "crosscheck", "embed", "init", "lock", "plan", "report"),
        *("scale", "why"),
    }
)
_COMPLETION = "_ARCHSCOPE_COMPLETE"


class CommandGroup(click.Group):
    """The group of all commands. Every way out of it has an exit code: see ``archscope.cli.failures``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the table."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        """The command, imported now; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"archscope.cli.{cmd_name}").command
        command.context_settings.setdefault("help_option_names", ["-h", "--help"])
        if DEBUG not in command.params:
            command.params.append(DEBUG)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; a UsageError with near names when there is none."""
        if args and args[0] not in COMMANDS:
            hint = f"{did_you_mean(args[0], COMMANDS)}archscope --help lists them"
            raise UsageError(f"there is no command {args[0]!r}", help=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """The table, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's signature
        **extra: Any,
    ) -> Any:
        """Run the command that ``args`` name and leave with its exit code."""
        name = prog_name or "archscope"
        instruction = os.environ.get(complete_var or _COMPLETION)
        if instruction:
            from click.shell_completion import shell_complete

            sys.exit(shell_complete(self, {}, name, complete_var or _COMPLETION, instruction))
        arguments = [*sys.argv[1:]] if args is None else [*args]
        if not standalone_mode:
            return super().main(arguments, name, complete_var, standalone_mode=False, **extra)

        def run() -> int:
            return exit_code_of(lambda: self._run(arguments, name, extra), debug=DEBUG.opts[0] in arguments)

        interrupts_raise()
        if args is not None:
            sys.exit(run())
        open_all()
        measures = arguments[:1] and arguments[0] in MEASURING and can_fork()
        code = guarded(run) if measures else run()
        interrupts_leave()
        flush_all()
        sys.exit(code)

    def _run(self, arguments: list[str], name: str, extra: Mapping[str, Any]) -> None:
        with self.make_context(name, arguments, **extra) as context:
            self.invoke(context)


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="archscope COMMAND --help says more. Exit codes: 0 fine, 1 a gate is violated, 2 usage, 3 the model failed.",
)
@click.version_option(package_name="archscope-torch", prog_name="archscope")
def main() -> None:
    """Tell exactly what a PyTorch network costs, where, and by which rule."""
