"""``Scope``: where in the estimator a converter stands, and what it may ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skerry.export.graph import BOOL, Features, Graph, Outputs, Points, Tensor, Thresholds, Ties
from skerry.export.signature import take
from skerry.runtime.errors import UnsupportedEstimator

FIRST_ROWS = 64
"""Rows given to ``export`` that are tried until the steps before an estimator take one."""


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

    def finite(self, features: Features) -> Tensor:
        """The features as floats; rows with NaN or ±inf are refused."""
        X = self.graph.floats(features)
        self.refuse_not_finite(X)
        return X

    def refuse_not_finite(self, X: Tensor) -> None:
        """Guard rows with NaN or ±inf, which scikit-learn refuses.

        Zero times a row is NaN where a number of it is not finite, else zero: far fewer values than a test of each.
        """
        if X.is_checked:
            return
        zeros = self.graph.affine(X, np.zeros((X.width or 1, 1), X.dtype))
        wrong = self.graph.op("IsNaN", zeros, dtype=BOOL)
        self.graph.guard(wrong, [], "expected finite numbers, got one that is not after the steps before the model")

    def refuse_infinite(self, features: Features, X: Tensor) -> None:
        """Guard rows with ±inf, of steps that take NaN. The model's own inputs are checked before it runs."""
        if features.is_input or X.dtype.kind != "f":
            return
        infinite = self.graph.op("IsInf", X, dtype=BOOL)
        found = self.graph.op("ReduceMax", infinite, np.array([1]), width=1, keepdims=1)
        self.graph.guard(found, [], "expected no infinity, got one after the steps before the model")

    def refuse_beyond_float32(
        self, estimator: Any, features: Features, X: Tensor, read: np.ndarray | None = None
    ) -> None:
        """Guard numbers that float32 does not hold, of steps that round to it; only in the columns that they ``read``
        (default: all). The model's own inputs are checked before it runs."""
        names = column_names(estimator, features.width)
        if read is not None:
            names, features, X = [names[column] for column in read], features.select(read), self.graph.columns(X, read)
        if features.is_input:
            self.graph.single.update(features.origins.tolist())
            return
        self.graph.guard(
            self.graph.op("IsInf", self.graph.cast(X, np.float32), dtype=BOOL),
            names,
            "expected a number in the range of float32",
        )

    @property
    def example(self) -> Any:
        """What scikit-learn feeds this estimator for one of the first rows given to ``export``, one that no step before it
        refuses: a frame, an array, a sparse matrix. Its form is of interest, not its values."""
        for index in range(min(FIRST_ROWS, 0 if self.graph.given is None else len(self.graph.given))):
            try:
                return self.rows(take(self.graph.given, slice(index, index + 1)))
            except (ValueError, TypeError):
                continue
        return None

    def refuse_values(self, values: Tensor) -> None:
        """The same of values (rows, any number)."""
        zeros = self.graph.op("Mul", values, np.zeros(1, values.dtype))
        self.refuse_not_finite(self.graph.op("ReduceSum", zeros, np.array([1]), width=1))

    def where(self, estimator: Any) -> str:
        return " › ".join([*self.path, type(estimator).__name__])

    def compares(
        self,
        features: Features,
        indices: np.ndarray,
        values: np.ndarray,
        dtype: Any = np.float64,
        above: np.ndarray | None = None,
    ) -> None:
        """Note that the estimator compares its feature ``indices[i]``, rounded to ``dtype``, with ``values[i]``; of trees
        also which split is ``above`` which (``trees.splits_above``)."""
        indices = np.asarray(indices, int)
        values, origins = np.asarray(values, float), features.origins[indices]
        found = Thresholds(self.rows, np.dtype(dtype), indices, values, origins, above)
        self.graph.thresholds.append(found)

    def keeps(self, features: Features, rows: np.ndarray) -> None:
        """Note rows (any, features) that the estimator has kept, at which a distance is nothing."""
        self.graph.points.append(Points(self.rows, rows, features.origins))

    def ties(self, marked: Callable[[Any], np.ndarray], *, within: float = np.inf) -> None:
        """Note how to tell rows at which scikit-learn's own answer hangs on the last bit, such as two neighbours at
        the same distance: ``marked`` takes rows as this estimator gets them, and gives a mask of those tied. Where only
        rounding shows, scores are ``within`` so much of scikit-learn's all the same."""
        self.graph.ties.append(Ties(self.rows, marked, within))

    def knows(self, features: Features, categories: Sequence[Any]) -> None:
        """Note the categories the estimator has learned, one list per feature."""
        for origin, values in zip(features.origins, categories, strict=True):
            if origin >= 0:
                self.graph.categories.setdefault(int(origin), []).extend(np.asarray(values).tolist())


def column_names(estimator: Any, width: int) -> list[str]:
    """The names of an estimator's features, for messages."""
    names = getattr(estimator, "feature_names_in_", None)
    return [str(name) for name in names] if names is not None else [f"column {index}" for index in range(width)]
