"""`dts completion`: the script that lets a shell complete commands, options and values."""

import click

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the script that teaches your shell to complete dts.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that teaches your shell to complete commands, options and values.

    \b
    Examples:
      eval "$(dts completion bash)"                                  for this shell
      echo 'eval "$(dts completion bash)"' >> ~/.bashrc              for good, in bash
      echo 'eval "$(dts completion zsh)"' >> ~/.zshrc                in zsh, after compinit
      dts completion fish > ~/.config/fish/completions/dts.fish      in fish
    """
    from click.shell_completion import get_completion_class

    from common.cli.root import COMPLETE

    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"this version of click knows no completion for {shell}")
    click.echo(script(ctx.find_root().command, {}, "dts", COMPLETE).source())
