"""SparseCoder and dictionary learning: the code of a row in the atoms of a dictionary.

Thresholding is one product. Orthogonal matching pursuit takes a fixed number of atoms, so its steps stand one after the
other in the graph; the algorithms that follow a path or descend until they converge are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib import effective_n_jobs

from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import ROUNDED, imprecise
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Graph, Outputs, Tensor

MOST_ATOMS = 12
"""Matching pursuit of more atoms is refused: its nodes grow with their square."""


def coder(estimator: Any, features: Features, scope: Scope) -> Outputs:
    atoms = estimator.dictionary if hasattr(estimator, "dictionary") else estimator.components_
    algorithm = estimator.transform_algorithm
    if algorithm not in ("threshold", "omp"):
        raise scope.refuse(
            estimator, f"transform_algorithm={algorithm!r} iterates until it converges; 'omp' and 'threshold' are exact"
        )
    graph, X = scope.graph, scope.finite(features)
    code = (_thresholded if algorithm == "threshold" else _pursued)(graph, X, atoms, estimator, scope)
    if X.dtype == np.float32:  # though split_sign makes it float64
        graph.tolerance = max(graph.tolerance, ROUNDED)
    if estimator.split_sign:
        code = _split(graph, code)
    return {"transform": Features.of(code)}


def _thresholded(graph: Graph, X: Tensor, atoms: np.ndarray, estimator: Any, _: Scope) -> Tensor:
    """``sign(c) max(|c| - alpha, 0)`` of the products ``c`` with the atoms."""
    covariance = graph.affine(X, atoms.T)
    zero = np.array(0, covariance.dtype)
    excess = graph.op("Sub", graph.op("Abs", covariance), np.array(_alpha(estimator), covariance.dtype))
    code = graph.op("Mul", graph.op("Sign", covariance), graph.op("Max", excess, zero))
    return graph.op("Max", code, zero) if estimator.positive_code else code


def _alpha(estimator: Any) -> float:
    chosen = [estimator.transform_alpha, getattr(estimator, "alpha", None), 1.0]
    return float(next(alpha for alpha in chosen if alpha is not None))


def _split(graph: Graph, code: Tensor) -> Tensor:
    """What is positive, and beside it what is negative, without its sign; in float64, whatever the code is in."""
    zero = np.array(0, code.dtype)
    parts = [graph.op("Max", code, zero), graph.op("Neg", graph.op("Min", code, zero))]
    return graph.cast(graph.concat(parts), FLOAT64)


def _pursued(graph: Graph, X: Tensor, atoms: np.ndarray, estimator: Any, scope: Scope) -> Tensor:
    """Orthogonal matching pursuit: step by step the atom that what is left points to most."""
    steps = estimator.transform_n_nonzero_coefs
    steps = int(min(max(atoms.shape[1] / 10, 1), len(atoms)) if steps is None else steps)
    if steps > MOST_ATOMS:
        raise scope.refuse(estimator, f"matching pursuit of {steps} atoms; up to {MOST_ATOMS} are converted")
    scope.ties(lambda rows: _unsteady(estimator, rows, X.dtype))
    gram = np.dot(atoms, atoms.T).astype(X.dtype).astype(np.float64)
    pursuit = _Pursuit.of(graph, gram, graph.cast(graph.affine(X, atoms.T), FLOAT64), float(np.finfo(X.dtype).eps))
    for _ in range(steps):
        pursuit.step()
    return graph.cast(pursuit.code, FLOAT64 if effective_n_jobs(estimator.n_jobs) > 1 else X.dtype)


def _unsteady(estimator: Any, rows: Any, dtype: np.dtype) -> np.ndarray:
    """A mask of rows for which the last bits decide between two atoms: other last bits, other atoms."""
    given = np.asarray(rows, dtype)
    answered = estimator.transform(given)
    noise = np.random.default_rng(0).uniform(-64, 64, (4, *given.shape)) * np.finfo(dtype).eps
    others = [estimator.transform(given * (1 + each)) for each in noise]
    changed = np.any([((other != 0) != (answered != 0)).any(axis=1) for other in others], axis=0)
    return np.asarray(changed | imprecise(estimator, "transform", given) if dtype == np.float32 else changed)


@dataclass
class _Pursuit:
    """The atoms taken so far, for all rows at once, and the Cholesky factor of their Gram matrix, row by row.

    ``left`` are the products of the atoms with what the code leaves of a row. A row that has stopped keeps its code;
    what is computed for it afterwards is not looked at. All tensors are (rows, 1) but ``left``, ``code`` and those of
    ``products``, which are (rows, atoms).
    """

    graph: Graph
    gram: np.ndarray
    covariance: Tensor
    least: float
    left: Tensor
    code: Tensor
    running: Tensor
    taken: list[Tensor] = field(default_factory=list)
    products: list[Tensor] = field(default_factory=list)
    factor: list[list[Tensor]] = field(default_factory=list)
    solved: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, graph: Graph, gram: np.ndarray, covariance: Tensor, least: float) -> _Pursuit:
        nothing = graph.op("Mul", graph.columns(covariance, [0]), np.array(0.0))
        running = graph.op("Equal", nothing, nothing, dtype=BOOL)
        code = graph.op("Expand", nothing, graph.op("Shape", covariance, dtype=INT64), width=len(gram))
        return cls(graph, gram, covariance, least, covariance, code, running)

    def step(self) -> None:
        """Take one more atom, and solve for all taken."""
        sizes = self.graph.op("Abs", self.left)
        atom = self.graph.op("ArgMax", sizes, dtype=INT64, width=1, axis=1, keepdims=1)
        largest = self.graph.op("ReduceMax", sizes, np.array([1]), width=1, keepdims=1)
        flat = self.graph.op("Squeeze", atom, np.array([1]), width=None)
        products = self.graph.op("Gather", self.gram, flat, axis=0, dtype=FLOAT64, width=len(self.gram))
        pivot = self._factorise(atom, products)
        self._go_on(atom, self._op("Mul", largest, largest), pivot)
        self.taken.append(atom)
        self.products.append(products)
        weights = self._solve(self._picked(self.covariance, atom))
        self.left = self._less(self.covariance, weights, self.products)
        hot = [self._op("Mul", weight, self._place(atom)) for weight, atom in zip(weights, self.taken, strict=True)]
        self.code = self._op("Where", self.running, self._sum(hot), self.code)

    def _factorise(self, atom: Tensor, products: Tensor) -> Tensor:
        """Append the atom's row to the factor; returns the square of its last entry."""
        row: list[Tensor] = []
        for taken, known in zip(self.taken, self.factor, strict=True):
            rest = self._less(self._picked(products, taken), row, known[:-1])
            row.append(self._op("Div", rest, known[-1]))
        pivot = self._less(self._picked(products, atom), row, row)
        self.factor.append([*row, self._op("Sqrt", pivot)])
        return pivot

    def _go_on(self, atom: Tensor, squared: Tensor, pivot: Tensor) -> None:
        """A row stops where nothing is left, or where the atom was taken or depends on those that were."""
        fit = [self._is("GreaterOrEqual", squared, np.array(self.least))]
        if self.taken:
            fit.append(self._is("Greater", pivot, np.array(self.least)))
        fit += [self._is("Not", self._is("Equal", atom, taken)) for taken in self.taken]
        for condition in fit:
            self.running = self._is("And", self.running, condition)

    def _solve(self, value: Tensor) -> list[Tensor]:
        """The weights of the atoms taken: one step further forwards, all the way back."""
        last = self.factor[-1]
        self.solved.append(self._op("Div", self._less(value, last[:-1], self.solved), last[-1]))
        weights: list[Tensor] = []
        for index in reversed(range(len(self.solved))):
            below = [row[index] for row in self.factor[index + 1 :]]
            rest = self._less(self.solved[index], below, weights)
            weights.insert(0, self._op("Div", rest, self.factor[index][index]))
        return weights

    def _less(self, value: Tensor, left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
        """``value`` less the sum of the products."""
        products = [self._op("Mul", *pair) for pair in zip(left, right, strict=True)]
        return self._op("Sub", value, self._sum(products)) if products else value

    def _sum(self, terms: Sequence[Tensor]) -> Tensor:
        return self._op("Sum", *terms) if len(terms) > 1 else terms[0]

    def _picked(self, values: Tensor, atom: Tensor) -> Tensor:
        return self.graph.op("GatherElements", values, atom, axis=1, width=1)

    def _place(self, atom: Tensor) -> Tensor:
        """1 in the atom's column, else 0."""
        found = self.graph.op("Equal", atom, np.arange(len(self.gram)), dtype=BOOL, width=len(self.gram))
        return self.graph.cast(found, FLOAT64)

    def _op(self, kind: str, *inputs: Tensor) -> Tensor:
        width = max(value.width or 1 for value in inputs)
        return self.graph.op(kind, *inputs, dtype=FLOAT64, width=width)

    def _is(self, kind: str, *inputs: Tensor | np.ndarray) -> Tensor:
        return self.graph.op(kind, *inputs, dtype=BOOL, width=1)
