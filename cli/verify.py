"""``skerry verify``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(artifact: Path, as_json: bool) -> None:
    """Check ARTIFACT as a server would: digests, structure, and the golden rows on this machine.

    \b
    Example:
      skerry verify artifacts/iris/1
    """
    import msgspec

    from skerry.cli.report import size_of
    from skerry.runtime import Artifact, load
    from skerry.runtime.artifact import MODEL

    opened = Artifact.open(artifact)
    load(opened)
    manifest = opened.manifest
    if as_json:
        found = {"name": manifest.name, "version": manifest.version, "digest": opened.digest, "verified": True}
        click.echo(msgspec.json.encode(found).decode())
    else:
        click.echo(
            f"{manifest.name} version {manifest.version} is what was exported: {len(manifest.files)} files ({size_of(MODEL, manifest.files[MODEL])}), golden rows answered alike ({opened.digest[:19]}…)"
        )
