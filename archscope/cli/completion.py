"""``archscope completion``: the script that completes words in a shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from archscope.cli.output import print_text
from archscope.config import find_config
from archscope.errors import ArchscopeError
from archscope.models import ALIASES, ZOO

SHELLS = ("bash", "zsh", "fish")


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
        return []  # a shell is no place to complain
    return [*config.models, *(budget.name for budget in config.budgets)] if config else []


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, /, *, shell: str) -> None:
    """Print the script that completes commands, options and models in SHELL.

    \b
    bash   eval "$(archscope completion bash)"            in ~/.bashrc
    zsh    eval "$(archscope completion zsh)"             in ~/.zshrc
    fish   archscope completion fish | source             in ~/.config/fish/config.fish
    """  # noqa: D301 - click knows the paragraph that it must not wrap by this character
    kind: Any = get_completion_class(shell)
    root = ctx.find_root().command
    script = kind(root, {}, "archscope", "_ARCHSCOPE_COMPLETE")
    print_text(script.source_template % script.source_vars())
