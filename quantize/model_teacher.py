"""``model_teacher``: an artifact's model as a ``Teacher``."""

from __future__ import annotations

from skerry.export.oracle import method_of
from skerry.quantize.teacher import Task, Teacher
from skerry.runtime.errors import UnsupportedEstimator
from skerry.runtime.model import Model

METHODS = ("predict", "predict_proba", "decision_function")
"""What a student can have."""


def model_teacher(model: Model) -> Teacher:
    """A loaded model as a teacher without steps: what its graph makes of the rows is not known, only what it answers.

    Raises:
        UnsupportedEstimator: it neither classifies nor predicts numbers, or has no ``predict``.
    """
    manifest = model.manifest
    tasks: dict[str, Task] = {"classification": "classification", "regression": "regression"}
    if manifest.task not in tasks or "predict" not in manifest.methods:
        raise UnsupportedEstimator(
            f"artifact {manifest.name!r}: expected a classifier or a regressor with predict, got {manifest.task} "
            f"with {', '.join(manifest.methods)}"
        )
    methods = dict.fromkeys(method_of(part) for part in manifest.methods)
    classes = model.classes_ if manifest.task == "classification" else None
    return Teacher(model, (), model, tasks[manifest.task], classes, tuple(name for name in METHODS if name in methods))
