"""An artifact in a few lines, for a terminal."""

from __future__ import annotations

from skerry.runtime.artifact import MODEL, Artifact, stored_name
from skerry.runtime.manifest import Derivation, File, Manifest


def summary(artifact: Artifact) -> str:
    """What an artifact is, takes, gives, and how it compared with scikit-learn."""
    manifest = artifact.manifest
    lines = [
        f"{manifest.name} version {manifest.version}: {artifact.directory}",
        _line("estimator", f"{manifest.estimator} ({manifest.task})"),
        _line("inputs", _inputs(manifest)),
        _line("outputs", ", ".join(f"{spec.name} {spec.datatype}{list(spec.shape)}" for spec in manifest.outputs)),
        _line(
            "size",
            f"{sum(file.size for file in manifest.files.values()):,} bytes; {size_of(MODEL, manifest.files[MODEL])}",
        ),
        _line("parity", _parity(manifest)),
    ]
    if manifest.derivation:
        lines.append(_line("made from", _derivation(manifest.derivation)))
    if manifest.evaluation:
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in manifest.evaluation.metrics.items())
        lines.append(_line("evaluation", f"{metrics} ({manifest.evaluation.rows:,} rows)"))
    lines.append(
        _line("latency", ", ".join(f"{cost.rows} rows {cost.seconds * 1e6:,.0f} µs" for cost in manifest.cost))
    )
    lines.append(_line("licence", f"{manifest.license or 'not stated'}, author {manifest.author or 'not stated'}"))
    return "\n".join(lines)


def _line(name: str, text: str) -> str:
    return f"  {name:<11}{text}"


def _inputs(manifest: Manifest, limit: int = 6) -> str:
    shown = [
        f"{spec.name} {spec.datatype}{list(spec.shape) if manifest.layout != 'columns' else ''}"
        for spec in manifest.inputs[:limit]
    ]
    return ", ".join(shown) + (f" and {len(manifest.inputs) - limit} more" if len(manifest.inputs) > limit else "")


def size_of(name: str, file: File) -> str:
    """A file's size as it lies there, and unpacked: ``model.onnx.zst 645 bytes, unpacked 955``."""
    unpacked = f", unpacked {file.unpacked:,}" if file.encoding != "identity" else ""
    return f"{stored_name(name, file)} {file.size:,} bytes{unpacked}"


def _derivation(derived: Derivation) -> str:
    loss = derived.loss
    lost = (
        f", loss of {loss.metric} {loss.loss:+.4f}, with {100 * loss.confidence:g}% confidence at most {loss.high:.4f} ({loss.rows:,} rows)"
        if loss
        else ""
    )
    return f"{derived.teacher}{lost}"


def _parity(manifest: Manifest) -> str:
    parity = manifest.parity
    beside = "the graph that was rewritten" if manifest.is_rewritten else "scikit-learn"
    tied = f" ({parity.tied:,} more at ties of its own)" if parity.tied else ""
    return (
        f"{parity.mismatches} of {parity.rows:,} rows differ from {beside}{tied}, "
        f"largest score error {parity.max_error:.2g} (tolerance {parity.tolerance:g})"
    )
