"""``sparkpipe completion``."""

from __future__ import annotations

import click

from sparkpipe.cli.streams import echo


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    r"""Print the script that completes commands, options and names in a shell.

    \b
    bash: eval "$(sparkpipe completion bash)"   in ~/.bashrc
    zsh:  eval "$(sparkpipe completion zsh)"    in ~/.zshrc
    fish: sparkpipe completion fish > ~/.config/fish/completions/sparkpipe.fish
    """
    from click.shell_completion import get_completion_class

    from sparkpipe.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None  # click knows the three
    made = found(cli, {}, "sparkpipe", "_SPARKPIPE_COMPLETE")
    # Not source(): that starts a bash to ask for its version.
    echo(made.source_template % made.source_vars())
