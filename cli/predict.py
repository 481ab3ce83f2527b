"""``skerry predict``."""

from __future__ import annotations

from pathlib import Path

import click

from skerry.cli.progress import progress


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("rows", type=click.Path(path_type=Path))
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), help="Where the answers go: .csv or .parquet."
)
@click.option(
    "--output",
    "methods",
    multiple=True,
    help="A method to answer with, such as predict_proba; repeat for several.  [default: the first]",
)
@click.option(
    "--ignore",
    multiple=True,
    help="A column to pass over; repeat for several. Needed where a model takes columns by position.",
)
def predict(artifact: Path, rows: Path, target: Path, methods: tuple[str, ...], ignore: tuple[str, ...]) -> None:
    """Answer ROWS (.csv, .parquet, .jsonl, .npy or .npz) with ARTIFACT, a batch at a time.

    Columns are found by name; those the model does not know are passed over. The answers appear
    complete or not at all.

    \b
    Example:
      skerry predict artifacts/iris/1 rows.csv --to answers.csv --output predict --output predict_proba
    """
    from skerry.runtime import load
    from skerry.runtime.files import predict_file

    model = load(artifact)
    for method in methods:
        if method not in model.manifest.methods:
            raise click.BadParameter(
                f"expected some of {', '.join(model.manifest.methods)}, got {method!r}", param_hint="--output"
            )
    with progress() as say:
        done = predict_file(
            model,
            rows,
            target,
            methods=methods or model.manifest.methods[:1],
            ignore=ignore,
            progress=lambda count: say(f"{count:,} rows"),
        )
    click.echo(f"{done:,} rows answered: {target}")
