"""``model_teacher``: an artifact's model as a ``Teacher``, and rows in the form that it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from skerry.export.oracle import method_of
from skerry.quantize.teacher import Array, Task, Teacher
from skerry.runtime.errors import InvalidInput, InvalidRows, UnsupportedEstimator
from skerry.runtime.model import Model
from skerry.runtime.tensors import DTYPES, TensorSpec

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


def rows_for(model: Model, X: Any) -> Any:
    """The rows ``X`` in the form and of the dtypes that the model was exported with, in whatever form they come: so a student
    that learns from them takes what the model takes. A frame may have more columns.

    Raises:
        InvalidRows: the model does not take them.
    """
    specs, layout = model.manifest.inputs, model.manifest.layout
    names = [spec.name for spec in specs]
    if isinstance(X, pd.DataFrame) and layout == "columns" and set(names) <= set(X.columns):
        X = X[names]
    try:
        model.feeds.from_rows(X)
    except InvalidInput as error:
        raise InvalidRows(error.text) from None
    if layout == "records":
        return list(X)
    if layout == "vector":
        return _typed(pd.Series(list(X), dtype=object), specs[0])
    if layout == "matrix":
        rows = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
        return np.column_stack([_typed(rows.iloc[:, place], specs[0]) for place in range(rows.shape[1])])
    is_named = isinstance(X, pd.DataFrame) or isinstance(X[0], dict)
    frame = pd.DataFrame(X, columns=None if is_named else names)[names]
    return pd.DataFrame({spec.name: _typed(frame[spec.name], spec) for spec in specs})


def _typed(column: pd.Series, spec: TensorSpec) -> Array:
    """A column's values in the dtype of the input; a missing number is NaN, anything else that is missing None."""
    dtype = DTYPES[spec.datatype]
    if dtype.kind == "f":
        return np.asarray(column.to_numpy(dtype=dtype, na_value=np.nan))
    if dtype.kind == "O":
        return np.asarray(column.astype(object).where(column.notna(), None).to_numpy())
    return np.asarray(column.to_numpy()).astype(dtype)
