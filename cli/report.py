"""An artifact in a few lines, for a terminal."""

from __future__ import annotations

from skerry.runtime.artifact import Artifact
from skerry.runtime.manifest import Manifest


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
            f"{sum(file.size for file in manifest.files.values()):,} bytes, model.onnx {manifest.files['model.onnx'].size:,}",
        ),
        _line("parity", _parity(manifest)),
    ]
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


def _parity(manifest: Manifest) -> str:
    parity = manifest.parity
    return f"{parity.mismatches} of {parity.rows:,} rows differ from scikit-learn, largest score error {parity.max_error:.2g} (tolerance {parity.tolerance:g})"
