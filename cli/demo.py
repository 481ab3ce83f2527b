"""``skerry demo``: the whole way once, on real data."""

from __future__ import annotations

from pathlib import Path

import click

from skerry.cli.options import to_option


@click.command()
@click.option("--once", is_flag=True, help="Stop after the checks instead of serving on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="The port to serve on; 0 takes a free one.",
)
@to_option
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="A directory to leave the fitted model and the held-out flights in, for `skerry optimize`.",
)
def demo(once: bool, port: int, to: Path, keep: Path | None) -> None:
    """Train on 336,776 flights, export, verify, serve, ask, and compare with scikit-learn.

    \b
    Example:
      skerry demo --once
      skerry demo --once --keep flights
    """
    from skerry.cli.flights import run_demo

    run_demo(to, port=port, once=once, keep=keep, say=click.echo)
