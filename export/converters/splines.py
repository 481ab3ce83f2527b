"""SplineTransformer: the B-splines that are not zero at a number, by de Boor's recursion in SciPy's order."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.export.converters.interpolation import looked_up, searched
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Features, Graph, Outputs, Tensor


def spline_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Shapes within: (rows, columns), and with the splines of each column (rows, columns, splines)."""
    for applies, reason in _refusals(estimator, features.width):
        if applies:
            raise scope.refuse(estimator, reason)
    graph = scope.graph
    X = graph.floats(features)
    wide = graph.cast(X, FLOAT64)
    if estimator.handle_missing == "error":
        scope.refuse_not_finite(X)
    elif estimator.sparse_output:
        scope.refuse_infinite(Features.of(X), X)
    values = _EXTRAPOLATED[estimator.extrapolation](_Splines(estimator, graph), wide, scope)
    if estimator.handle_missing == "zeros":
        missing = graph.op("Unsqueeze", graph.op("IsNaN", wide, dtype=BOOL), np.array([2]))
        values = graph.op("Where", missing, np.array(0.0), values, dtype=FLOAT64)
    splines = estimator.bsplines_[0].c.shape[1]
    if not estimator.include_bias:
        splines -= 1
        values = graph.op("Slice", values, np.array([0]), np.array([splines]), np.array([2]))
    width = splines * features.width
    flat = graph.op("Reshape", values, np.array([-1, width]), width=width)
    return {"transform": Features.of(flat if estimator.sparse_output else graph.cast(flat, X.dtype))}


def _refusals(estimator: Any, width: int) -> tuple[tuple[bool, str], ...]:
    """Settings with which scikit-learn 1.9 itself answers wrongly, and when they apply."""
    zeros, several = estimator.handle_missing == "zeros", width > 1
    return (
        (
            estimator.degree == 0 and (estimator.sparse_output or estimator.extrapolation == "constant"),
            "degree=0 with extrapolation='constant' or sparse output: scikit-learn fails on it",
        ),
        (
            estimator.degree <= 1 and estimator.extrapolation == "linear" and several,
            "degree<=1 with extrapolation='linear': scikit-learn extrapolates columns after the first from a wrong knot",
        ),
        (
            estimator.sparse_output and zeros and several,
            "handle_missing='zeros' with sparse output: scikit-learn zeroes the wrong columns",
        ),
    )


class _Splines:
    """The splines of all columns, whose knots ``t`` are (knots, columns)."""

    def __init__(self, estimator: Any, graph: Graph) -> None:
        self.splines = estimator.bsplines_
        self.t = np.stack([spline.t for spline in self.splines], axis=1)
        self.count = int(self.splines[0].c.shape[1])
        self.degree = int(estimator.degree)
        self.first, self.last = self.t[self.degree], self.t[-self.degree - 1]
        self._sparse = estimator.sparse_output
        self._graph = graph

    def __call__(self, x: Tensor) -> Tensor:
        """The values of all splines; beyond the knots, those of the outermost polynomials."""
        graph, degree = self._graph, self.degree
        inner = self.t[degree + 1 : -degree - 1]
        place = searched(graph, x, list(inner.T))
        deep = graph.op("Unsqueeze", self._active(x, place), np.array([3]))
        rows = looked_up(graph, [self._windows(spline.c, len(inner) + 1) for spline in self.splines], place)
        if not self._sparse:  # SciPy multiplies with zeros too, which are NaN times infinity
            return graph.op("ReduceSum", graph.op("Mul", deep, rows), np.array([2]), keepdims=0)
        chosen = graph.op("Equal", rows, np.array(1.0), dtype=BOOL)
        return graph.op(
            "ReduceSum", graph.op("Where", chosen, deep, np.array(0.0), dtype=FLOAT64), np.array([2]), keepdims=0
        )

    def _windows(self, coefficients: np.ndarray, places: int) -> np.ndarray:
        """Per place, the coefficients of the ``degree + 1`` splines that are not zero there."""
        return coefficients[np.arange(places)[:, None] + np.arange(self.degree + 1)]

    def _active(self, x: Tensor, place: Tensor) -> Tensor:
        """(rows, columns, degree + 1): the splines that are not zero at ``x``; SciPy's ``_deBoor_D``."""
        graph = self._graph
        knots = {  # by their distance from the knot at or below x
            offset: looked_up(graph, [*self.t[self.degree + offset :].T], place)
            for offset in range(1 - self.degree, self.degree + 1)
        }
        values = [graph.cast(graph.op("Equal", place, place, dtype=BOOL), FLOAT64)]  # ones
        for order in range(1, self.degree + 1):
            falling, rising = [], []
            for step in range(1, order + 1):
                right, left = knots[step], knots[step - order]
                share = self._share(values[step - 1], graph.op("Sub", right, left))
                falling.append(graph.op("Mul", share, graph.op("Sub", right, x)))
                rising.append(graph.op("Mul", share, graph.op("Sub", x, left)))
            inner = [graph.op("Add", rise, fall) for rise, fall in zip(rising[:-1], falling[1:], strict=True)]
            values = [falling[0], *inner, rising[-1]]
        deep = [graph.op("Unsqueeze", value, np.array([2])) for value in values]
        return deep[0] if len(deep) == 1 else graph.op("Concat", *deep, axis=2)

    def _share(self, value: Tensor, span: Tensor) -> Tensor:
        """``value / span``, 0 where two knots are one."""
        graph = self._graph
        empty = graph.op("Equal", span, np.array(0.0), dtype=BOOL)
        return graph.op("Where", empty, np.array(0.0), graph.op("Div", value, span), dtype=FLOAT64)

    def at(self, ends: np.ndarray, derivative: int = 0) -> np.ndarray:
        """(columns, splines): values or slopes at one end of each column."""
        return np.stack([spline(end, nu=derivative) for spline, end in zip(self.splines, ends, strict=True)])


def _continued(splines: _Splines, x: Tensor, scope: Scope) -> Tensor:
    return splines(x)


def _refused(splines: _Splines, x: Tensor, scope: Scope) -> Tensor:
    graph = scope.graph
    below, above = (
        graph.op("Less", x, splines.first, dtype=BOOL),
        graph.op("Greater", x, splines.last, dtype=BOOL),
    )
    found = graph.op("ReduceMax", graph.op("Or", below, above), np.array([1]), width=1, keepdims=1)
    graph.guard(found, [], "expected a number between the outermost knots, got one beyond")
    return splines(x)


def _periodic(splines: _Splines, x: Tensor, scope: Scope) -> Tensor:
    """``first + (x - first) % period``, where the remainder has the period's sign."""
    graph = scope.graph
    period = splines.last - splines.first
    rest = graph.op("Mod", graph.op("Sub", x, splines.first), period, fmod=1)
    negative = graph.op("Less", rest, np.array(0.0), dtype=BOOL)
    rest = graph.op("Where", negative, graph.op("Add", rest, period), rest, dtype=FLOAT64)
    return splines(graph.op("Add", rest, splines.first))


def _clipped(splines: _Splines, x: Tensor, scope: Scope) -> Tensor:
    graph = scope.graph
    return graph.op("Min", graph.op("Max", x, splines.first), splines.last)


def _constant(splines: _Splines, x: Tensor, scope: Scope) -> Tensor:
    return splines(_clipped(splines, x, scope))


def _linear(splines: _Splines, x: Tensor, scope: Scope) -> Tensor:
    """Beyond the knots, the outermost splines go on as straight lines."""
    graph = scope.graph
    inside = _clipped(splines, x, scope)
    values = splines(inside)
    count, reach = splines.count, (1, 2)[splines.degree] if splines.degree <= 1 else splines.degree
    below = graph.op("Unsqueeze", graph.op("Less", x, splines.first, dtype=BOOL), np.array([2]))
    above = graph.op("Unsqueeze", graph.op("Greater", x, splines.last, dtype=BOOL), np.array([2]))
    lower, upper = splines.at(splines.first, 1), splines.at(splines.last, 1)
    slope = graph.op("Where", below, lower, upper, dtype=FLOAT64)
    beyond = graph.op("Unsqueeze", graph.op("Sub", x, inside), np.array([2]))
    line = graph.op("Add", values, graph.op("Mul", beyond, slope))
    place = np.arange(count)
    touched = graph.op("Or", graph.op("And", below, place < reach), graph.op("And", above, place >= count - reach))
    return graph.op("Where", touched, line, values, dtype=FLOAT64)


_EXTRAPOLATED = {
    "continue": _continued,
    "error": _refused,
    "periodic": _periodic,
    "constant": _constant,
    "linear": _linear,
}
