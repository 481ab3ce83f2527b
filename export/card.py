"""The model card: the manifest as a person wants to read it."""

from __future__ import annotations

from skerry.runtime.manifest import Derivation, Loss, Manifest, Parity
from skerry.runtime.tensors import TensorSpec


def write_card(manifest: Manifest, *, size: int | None = None, picture: str | None = None) -> str:
    """Markdown: what the model is, what it takes and gives, how it was checked, how good it is.

    ``size`` is that of model.onnx in bytes; ``picture`` names a file beside the card, the front it was chosen from.
    """
    derived = manifest.derivation
    parts = [
        f"# {manifest.name}, version {manifest.version}",
        f"{manifest.task.capitalize()} by `{manifest.estimator}`, exported {manifest.created}.",
        _facts(manifest),
        *(
            []
            if derived is None
            else ["## Made from another model\n\n" + _derivation(manifest, derived, size, picture)]
        ),
        "## Inputs\n\n"
        + _table(["name", "datatype", "shape", "missing", "infinite"], [_input(spec) for spec in manifest.inputs]),
        "## Outputs\n\n"
        + _table(
            ["method", "datatype", "shape"],
            [[spec.name, spec.datatype, str(list(spec.shape))] for spec in manifest.outputs],
        ),
        "## Parity with its parent\n\n" + _distance(manifest.parity)
        if manifest.is_rewritten
        else "## Parity with scikit-learn\n\n" + _parity(manifest),
        "## Evaluation\n\n" + _evaluation(manifest),
        "## Cost\n\n"
        + _table(["rows", "seconds"], [[str(cost.rows), f"{cost.seconds:.2e}"] for cost in manifest.cost])
        + "\n\nMedian of one run where it was exported.",
        f"## Limits\n\n{_limits(derived)} Rows unlike those it was\ntrained on get an answer all the same; nothing here measures how good that answer is.",
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


def _limits(derived: Derivation | None) -> str:
    if derived is None:
        return "The answers are those of the estimator it was made from, right or wrong."
    return "The answers are not those of the model it was made from, only close to them."


def _derivation(manifest: Manifest, derived: Derivation, size: int | None, picture: str | None) -> str:
    """What was done, how far the answers moved, and what that costs."""
    parts = [
        f"A smaller or faster stand-in for `{derived.teacher}`, whose answers it does not give exactly: "
        + "; ".join(str(step) for step in manifest.steps if step.arrow != "export")
        + ".",
        "\n".join(
            f"- {line}" for line in (*_origin(manifest.parent, derived.teacher_size, size), *_agreement(derived))
        ),
        "No loss was measured." if derived.loss is None else _loss(derived.loss),
        *([f"![What there was to choose from: size, latency and loss]({picture})"] if picture else []),
    ]
    return "\n\n".join(parts)


def _origin(parent: str | None, before: int | None, after: int | None) -> list[str]:
    """The parent's digest, and the bytes of both models."""
    lines = [f"Parent artifact: `{parent}`"] if parent else []
    if before and after:
        smaller = f", {before / after:.1f} times smaller" if after < before else ""
        lines.append(f"model.onnx: {after:,} bytes, the original's {before:,}{smaller}")
    return lines


def _agreement(derived: Derivation) -> list[str]:
    agreement = derived.agreement
    lines = []
    if agreement.labels is not None:
        lines.append(f"Rows with the same label as the original's: {agreement.labels:.2%} of {agreement.rows:,}")
    if agreement.mean_error is not None:
        lines.append(
            f"Difference of a score from the original's: {agreement.mean_error:.3g} on average, "
            f"{agreement.max_error:.3g} at most, on {agreement.rows:,} rows"
        )
    return lines


def _loss(loss: Loss) -> str:
    head = ["", loss.metric]
    rows = [["original", f"{loss.teacher:.5f}"], ["this model", f"{loss.result:.5f}"], ["loss", f"{loss.loss:+.5f}"]]
    sure = f"With {100 * loss.confidence:g}% confidence"
    asked = "" if loss.bound is None else f" {sure} at most {loss.bound:g} will be seen on another {loss.rows:,}."
    return (
        _table(head, rows)
        + f"\n\nOn {loss.rows:,} rows that neither training nor the search for this model has seen.{asked} Of this model alone "
        f"the limits are, each with the same confidence, at least {loss.low:.5f} and at most {loss.high:.5f} on such rows, and at "
        f"most {loss.fresh:.5f} on another {loss.rows:,} of them."
    )


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


def _distance(parity: Parity) -> str:
    """Of a rewritten graph, for which there is no estimator to be equal to."""
    return (
        f"{parity.rows:,} rows compared, {parity.made:,} of them made; methods {', '.join(parity.methods)}.\n\n"
        f"- rows whose label differs: {parity.mismatches:,}\n"
        f"- largest difference of a score, relative above 1: {parity.max_error:.3g}\n\n"
        f"Wherever it is loaded, its own answers to the golden rows must come out again within {parity.tolerance:g}."
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
