"""``sparkpipe viz``."""

from __future__ import annotations

import webbrowser

import click

from sparkpipe.cli.project_command import ProjectCommand, open_session, project_options
from sparkpipe.cli.streams import echo
from sparkpipe.errors import ConfigError


@click.command(cls=ProjectCommand)
@click.argument("run_id", default="last")
@click.option("--live", is_flag=True, help="Follow the run while it goes on, and the next one.")
@click.option("--compare", metavar="RUN_ID", help="The run to compare with [the one before].")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port [any].")
@click.option("--no-open", is_flag=True, help="Only print the address.")
@project_options
def viz(
    *,
    run_id: str,
    live: bool,
    compare: str | None,
    port: int,
    no_open: bool,
    env: str | None,
    conf_source: str | None,
    verbose: bool,
) -> None:
    """Show a run in the browser, as `report` does, until Ctrl-C.

    The page is on this machine alone, at an address with a token. RUN_ID is the name of a run, or
    the beginning of it; by default the last one, also of another machine that writes to the same
    journal.
    """
    from sparkpipe.report.page.serving import PageServer
    from sparkpipe.session.showing import RunDocuments

    documents = RunDocuments(open_session(env, conf_source), run_id, compare)
    documents.read()  # what is wrong is told here, and not in the browser
    try:
        server = PageServer(documents.read, follows=live, port=port)
    except OSError as exc:
        raise ConfigError(
            f"Port {port} cannot be used: {exc.strerror or exc}.", hint="Leave out --port."
        ) from exc
    with server:
        echo(f"The page is at {server.address}  (Ctrl-C ends it)")
        if not no_open:
            webbrowser.open(server.address)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            echo("")
