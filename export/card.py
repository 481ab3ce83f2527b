"""The model card: the manifest as a person wants to read it."""

from __future__ import annotations

from skerry.runtime.manifest import Manifest
from skerry.runtime.tensors import TensorSpec


def write_card(manifest: Manifest) -> str:
    """Markdown: what the model is, what it takes and gives, how it was checked, how good it is."""
    parts = [
        f"# {manifest.name}, version {manifest.version}",
        f"{manifest.task.capitalize()} by `{manifest.estimator}`, exported {manifest.created}.",
        _facts(manifest),
        "## Inputs\n\n"
        + _table(["name", "datatype", "shape", "missing", "infinite"], [_input(spec) for spec in manifest.inputs]),
        "## Outputs\n\n"
        + _table(
            ["method", "datatype", "shape"],
            [[spec.name, spec.datatype, str(list(spec.shape))] for spec in manifest.outputs],
        ),
        "## Parity with scikit-learn\n\n" + _parity(manifest),
        "## Evaluation\n\n" + _evaluation(manifest),
        "## Cost\n\n"
        + _table(["rows", "seconds"], [[str(cost.rows), f"{cost.seconds:.2e}"] for cost in manifest.cost])
        + "\n\nMedian of one run where it was exported.",
        "## Limits\n\nThe answers are those of the estimator it was made from, right or wrong. Rows unlike those it was\ntrained on get an answer all the same; nothing here measures how good that answer is.",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(manifest: Manifest) -> str:
    classes = ", ".join(map(str, manifest.classes or ()))
    facts = {
        "Classes": classes,
        "Licence": manifest.license or "not stated",
        "Author": manifest.author or "not stated",
        "Made with": ", ".join(f"{name} {version}" for name, version in manifest.producers.items()),
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)


def _input(spec: TensorSpec) -> list[str]:
    return [
        f"`{spec.name}`",
        spec.datatype,
        str(list(spec.shape)),
        "accepted" if spec.missing else "refused",
        "accepted" if spec.infinite else "refused",
    ]


def _parity(manifest: Manifest) -> str:
    parity = manifest.parity
    text = (
        f"{parity.rows:,} rows compared, {parity.made:,} of them made to break the model "
        f"({parity.refused:,} of those are refused by both); methods {', '.join(parity.methods)}.\n\n"
        f"- rows whose label or refusal differs: {parity.mismatches}\n"
        f"- rows that differ because scikit-learn's own answer is a tie there: {parity.tied}\n"
        f"- largest difference of a score, relative above 1: {parity.max_error:.3g} (tolerance {parity.tolerance:g})"
    )
    worst = [
        [row.method, row.kind, f"{row.error:.3g}", ", ".join(f"{name}={value}" for name, value in row.row.items())]
        for row in parity.worst
    ]
    return text + (
        "\n\nThe made rows that are furthest off:\n\n" + _table(["method", "made as", "error", "row"], worst)
        if worst
        else ""
    )


def _evaluation(manifest: Manifest) -> str:
    if manifest.evaluation is None:
        return "Not evaluated: no target was given."
    rows = [[name, f"{value:.4f}"] for name, value in manifest.evaluation.metrics.items()]
    return (
        _table(["metric", "value"], rows)
        + f"\n\nOn the {manifest.evaluation.rows:,} rows given to `export`; on training rows such figures flatter."
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )
