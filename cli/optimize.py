"""``skerry optimize``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from skerry.cli.options import lineage_options, to_option, trust_options
from skerry.cli.progress import Say, progress


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Rows in .csv, .parquet, .jsonl or .npz, in the form the model was fitted on; not those it was fitted on.",
)
@click.option("--target", required=True, help="The column (or the array of an .npz) with the truth.")
@click.option(
    "--max-loss",
    required=True,
    type=float,
    help="How much of the metric the result may lose against MODEL, in the metric's own unit.",
)
@click.option(
    "--metric", help="accuracy, roc_auc, f1, log_loss, r2, mae, ...  [default: accuracy, or r2 of a regressor]"
)
@click.option(
    "--objective",
    default="size",
    show_default=True,
    type=click.Choice(["size", "latency", "rows-per-second"]),
    help="What the result shall be best in: bytes of model.onnx, time of 1 row, or of 1,000.",
)
@click.option(
    "--budget",
    default=240.0,
    show_default=True,
    help="Seconds to search; timing, the proof and writing come on top.",
)
@click.option("--candidates", default=200, show_default=True, help="How many candidates are tried at most.")
@click.option("--name", help="What to call the result.  [default: the model's name and -optimized]")
@to_option
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the front in this file, .svg or .png.")
@lineage_options
@trust_options
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="For everything that is drawn by chance."
)
@click.option("--json", "as_json", is_flag=True, help="Print the front as JSON instead of a table.")
def optimize(
    model: Path,
    data: Path,
    target: str,
    max_loss: float,
    metric: str | None,
    objective: Any,
    budget: float,
    candidates: int,
    name: str | None,
    to: Path,
    picture: Path | None,
    license: str | None,
    author: str | None,
    trust_pickle: bool,
    trusted_types: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Make MODEL smaller or faster within a stated loss; prove it, and write the best as an artifact.

    MODEL is a fitted estimator in .skops, .joblib or .pkl, or an artifact. Half of the rows are learned from, a quarter
    judges candidates, and on the rest the promising ones are tried, each once. If nothing is proved to keep the bound,
    nothing is written.

    \b
    Example:
      skerry optimize churn.skops --data held_out.csv --target churned --max-loss 0.002
      skerry optimize artifacts/flights --data held_out.parquet --target late --max-loss 0.005 --metric roc_auc
    """
    from skerry.export.data import load_rows
    from skerry.quantize.picture import check_picture, write_picture
    from skerry.quantize.search import optimize as search
    from skerry.runtime.errors import NoGain

    if picture:
        check_picture(picture)
    source, known = _source(model, trust_pickle=trust_pickle, trusted_types=trusted_types)
    rows, truth = load_rows(data, target)
    with _progress() as say:
        front = search(
            source,
            rows,
            truth,
            max_loss=max_loss,
            metric=metric,
            objective=objective,
            budget=budget,
            candidates=candidates,
            name=name or f"{known[:54]}-optimized",
            to=to,
            license=license,
            author=author,
            seed=seed,
            progress=say,
        )
    for note in front.notes:
        click.echo(f"note: {' '.join(note.split())}", err=True)
    click.echo(front.to_json() if as_json else front.table())
    if picture:
        write_picture(front, picture)
    if front.directory is None:
        raise NoGain(front.reason)
    if not as_json:
        click.echo(f"\nwritten to {front.directory}")


def _source(model: Path, *, trust_pickle: bool, trusted_types: tuple[str, ...]) -> tuple[Any, str]:
    """The estimator in a file, or the artifact in a directory; and what it is called."""
    if model.is_dir():
        from skerry.runtime import Artifact

        artifact = Artifact.open(model)
        return artifact, artifact.manifest.name
    from skerry.cli.export import default_name
    from skerry.export.data import load_estimator

    return load_estimator(model, trust_pickle=trust_pickle, trusted_types=trusted_types), default_name(model)


@contextmanager
def _progress() -> Iterator[Say]:
    """On a terminal one line that goes away, else a line for each thing that is said."""
    if not sys.stderr.isatty():
        yield lambda line: click.echo(line, err=True)
        return
    with progress() as say:
        yield say
