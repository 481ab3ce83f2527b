"""``skerry export``."""

from __future__ import annotations

from pathlib import Path

import click

from skerry.cli.options import lineage_options, to_option, trust_options


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Rows in .csv, .parquet, .jsonl, .npy or .npz, in the form the model was fitted on; held-out rows are best.",
)
@click.option(
    "--target", help="The column (or the array of an .npz) with the truth; the artifact then carries an evaluation."
)
@click.option("--name", help="What to call the model.  [default: the file's name]")
@to_option
@click.option(
    "--method",
    "methods",
    multiple=True,
    help="A method the model shall have; repeat for several.  [default: all that the estimator has]",
)
@click.option(
    "--tolerance",
    type=float,
    help="How far a score may be from scikit-learn's, relative above 1.  [default: 1e-9, or 1e-6 where float32 is involved]",
)
@click.option("--compress", is_flag=True, help="Store the model as Zstandard; it is unpacked when it is loaded.")
@lineage_options
@trust_options
@click.option("--json", "as_json", is_flag=True, help="Print the manifest instead of a summary; of --list, JSON.")
@click.option("--list", "as_list", is_flag=True, help="List the estimators that can be exported, and stop.")
def export(
    model: Path | None,
    data: Path | None,
    target: str | None,
    name: str | None,
    to: Path,
    methods: tuple[str, ...],
    tolerance: float | None,
    compress: bool,
    license: str | None,
    author: str | None,
    trust_pickle: bool,
    trusted_types: tuple[str, ...],
    as_json: bool,
    as_list: bool,
) -> None:
    """Write MODEL, a fitted estimator in .skops, .joblib or .pkl, as a verified artifact.

    The model is compared with scikit-learn on the rows of --data and on rows made to break it; if one
    answer differs, nothing is written.

    \b
    Example:
      skerry export churn.skops --data held_out.csv --target churned --license MIT
      skerry export forest.skops --data held_out.parquet --compress
      skerry export --list
      skerry export --list --json
    """
    if as_list:
        from skerry.export.catalogue import read_catalogue, write_json, write_text

        click.echo((write_json if as_json else write_text)(read_catalogue()), nl=False)
        return
    if model is None or data is None:
        lacking = "argument 'MODEL'" if model is None else "option '--data'"
        raise click.UsageError(f"Missing {lacking}.")
    from skerry.cli.report import summary
    from skerry.export import export as export_model
    from skerry.export.data import load_estimator, load_rows
    from skerry.runtime.manifest import encode_manifest

    estimator = load_estimator(model, trust_pickle=trust_pickle, trusted_types=trusted_types)
    rows, truth = load_rows(data, target)
    artifact = export_model(
        estimator,
        rows,
        truth,
        name=name or default_name(model),
        to=to,
        methods=methods or None,
        tolerance=tolerance,
        compress=compress,
        license=license,
        author=author,
        progress=lambda line: click.echo(line, err=True),
    )
    click.echo(encode_manifest(artifact.manifest).decode() if as_json else summary(artifact), nl=not as_json)


def default_name(model: Path) -> str:
    """A model's name from its file's: lower case, with '-' for what a name cannot have."""
    letters = [
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in model.stem.lower()
    ]
    return "".join(letters).lstrip("._-")[:64] or "model"
