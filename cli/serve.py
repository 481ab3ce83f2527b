"""``skerry serve``."""

from __future__ import annotations

import click


@click.command()
@click.argument("repository", default="artifacts", type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 takes a free one."
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Processes that answer; each loads every model.",
)
@click.option("--default-model", help="The model behind /predict.  [default: the only one]")
@click.option(
    "--max-body", default=16 * 2**20, show_default=True, type=click.IntRange(1), help="Largest request body in bytes."
)
def serve(repository: str, host: str, port: int, workers: int, default_model: str | None, max_body: int) -> None:
    """Serve every model of REPOSITORY (default: artifacts), or one model or artifact, over HTTP.

    \b
    Example:
      skerry serve artifacts --port 8000
      curl http://127.0.0.1:8000/predict -d '{"X": [[5.1, 3.5, 1.4, 0.2]]}'
    """
    from skerry.runtime.server import ServerConfig
    from skerry.runtime.server import serve as run

    config = ServerConfig(
        repository=repository, host=host, port=port, workers=workers, default_model=default_model, max_body=max_body
    )
    run(config, announce=click.echo)
