"""``Scope``: where in the estimator a converter stands, and what it may ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.export.graph import BOOL, Features, Graph, Outputs, Tensor, Thresholds
from skerry.runtime.errors import UnsupportedEstimator


@dataclass(frozen=True)
class Scope:
    """The graph, the path of names down to this estimator, and ``rows``: what scikit-learn feeds it for given model rows.

    ``convert_estimator`` converts a part of this estimator. ``methods`` are those asked of the whole.
    """

    graph: Graph
    convert_estimator: Callable[[Any, Features, Scope], Outputs]
    rows: Callable[[Any], Any]
    path: tuple[str, ...] = ()

    def convert(
        self, name: str, estimator: Any, features: Features, rows: Callable[[Any], Any] | None = None
    ) -> Outputs:
        """Convert the part called ``name``, which scikit-learn feeds with ``rows`` (default: what this one gets)."""
        return self.convert_estimator(
            estimator, features, Scope(self.graph, self.convert_estimator, rows or self.rows, (*self.path, name))
        )

    def refuse(self, estimator: Any, reason: str) -> UnsupportedEstimator:
        """The error for a setting that has no exact conversion."""
        return UnsupportedEstimator(f"{self.where(estimator)}: {reason}")

    def refuse_not_finite(self, X: Tensor) -> None:
        """Guard rows with NaN or ±inf, which scikit-learn refuses.

        Zero times a row is NaN where a number of it is not finite, else zero: far fewer values than a test of each.
        """
        zeros = self.graph.op("MatMul", X, np.zeros((X.width or 1, 1), X.dtype), width=1)
        wrong = self.graph.op("IsNaN", zeros, dtype=BOOL)
        self.graph.guard(wrong, [], "expected finite numbers, got one that is not after the steps before the model")

    def where(self, estimator: Any) -> str:
        return " › ".join([*self.path, type(estimator).__name__])

    def compares(self, features: Features, indices: np.ndarray, values: np.ndarray, dtype: Any = np.float64) -> None:
        """Note that the estimator compares its feature ``indices[i]``, rounded to ``dtype``, with ``values[i]``."""
        indices = np.asarray(indices, int)
        found = Thresholds(self.rows, np.dtype(dtype), indices, np.asarray(values, float), features.origins[indices])
        self.graph.thresholds.append(found)

    def knows(self, features: Features, categories: Sequence[Any]) -> None:
        """Note the categories the estimator has learned, one list per feature."""
        for origin, values in zip(features.origins, categories, strict=True):
            if origin >= 0:
                self.graph.categories.setdefault(int(origin), []).extend(np.asarray(values).tolist())


def column_names(estimator: Any, width: int) -> list[str]:
    """The names of an estimator's features, for messages."""
    names = getattr(estimator, "feature_names_in_", None)
    return [str(name) for name in names] if names is not None else [f"column {index}" for index in range(width)]
