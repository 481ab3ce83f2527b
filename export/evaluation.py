"""Quality against y: the usual metrics of scikit-learn, computed from the model that will be served."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics

from skerry.runtime.errors import InvalidRows
from skerry.runtime.feeds import Array
from skerry.runtime.manifest import Evaluation
from skerry.runtime.model import Model


def evaluate(model: Model, X: Any, y: Any) -> Evaluation | None:
    """Metrics of ``model`` on rows ``X`` with truth ``y``: classification or regression, else None.

    Precision, recall and F1 are those of the second class where there are two, and unweighted means
    over the classes where there are more (scikit-learn's ``average="binary"`` and ``"macro"``). ROC AUC
    needs probabilities or scores; more than two classes are compared one against the rest.
    """
    measure = _MEASURES.get(model.manifest.task)
    if measure is None:
        return None
    truth = np.asarray(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = measure(model, X, truth)
        except (TypeError, ValueError) as error:  # of scikit-learn's metrics, about y
            raise InvalidRows(
                f"y: expected the target as the estimator was fitted on it: {str(error).splitlines()[0]}"
            ) from None
    return Evaluation(rows=len(y), metrics={name: float(value) for name, value in found.items() if np.isfinite(value)})


def _classification(model: Model, X: Any, y: Array) -> dict[str, float]:
    predicted = model.predict(X)
    if predicted.ndim > 1:  # of several targets all must be right, as in the estimators' own score
        return {"accuracy": float(np.all(predicted == y, axis=1).mean())}
    classes = model.classes_
    average: dict[str, Any] = (
        {"average": "binary", "pos_label": classes[1]} if len(classes) == 2 else {"average": "macro"}
    )
    found = {
        "accuracy": metrics.accuracy_score(y, predicted),
        "precision": metrics.precision_score(y, predicted, **average),
        "recall": metrics.recall_score(y, predicted, **average),
        "f1": metrics.f1_score(y, predicted, **average),
    }
    if (scores := _scores(model, X)) is not None and set(np.unique(y)) == set(classes):
        found["roc_auc"] = (
            metrics.roc_auc_score(y, scores, multi_class="ovr", labels=classes)
            if scores.ndim > 1
            else metrics.roc_auc_score(y == classes[1], scores)
        )
    return found


def _scores(model: Model, X: Any) -> Array | None:
    """Probabilities; for two classes one score a row."""
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(X)
        return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities
    if hasattr(model, "decision_function") and len(model.classes_) == 2:
        return model.decision_function(X)
    return None


def _regression(model: Model, X: Any, y: Array) -> dict[str, float]:
    predicted = model.predict(X)
    return {
        "r2": metrics.r2_score(y, predicted),
        "mae": metrics.mean_absolute_error(y, predicted),
        "rmse": metrics.root_mean_squared_error(y, predicted),
    }


_MEASURES: dict[str, Callable[[Model, Any, Array], dict[str, float]]] = {
    "classification": _classification,
    "regression": _regression,
}
