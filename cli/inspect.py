"""``skerry inspect``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the manifest.")
def inspect(artifact: Path, as_json: bool) -> None:
    """Show what ARTIFACT is, from its manifest; nothing is loaded or run.

    \b
    Example:
      skerry inspect artifacts/iris/1
    """
    from skerry.cli.report import summary
    from skerry.runtime import Artifact
    from skerry.runtime.manifest import encode_manifest

    opened = Artifact.open(artifact)
    click.echo(encode_manifest(opened.manifest).decode() if as_json else summary(opened), nl=not as_json)
