"""``archscope completion``: print the script with which a shell completes commands, options and models."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import get_completion_class

from archscope.cli.output import print_text

SHELLS = ("bash", "zsh", "fish")


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
