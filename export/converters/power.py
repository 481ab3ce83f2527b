"""PowerTransformer: Box-Cox and Yeo-Johnson, from logarithms and exponentials that are exact near zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skerry.export.converters.elementary import expm1, log1p
from skerry.export.converters.scaling import standard_scaler
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Features, Graph, Outputs, Tensor

FLOAT32_TOLERANCE = 2e-5
"""NumPy's logarithm of float32 is a unit in the last place off for one number in 25, and that times the power's
exponent (88 at most, or exp overflows) is the error of the answer."""


def power_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    X = graph.floats(features)
    scope.refuse_infinite(features, X)
    if estimator.method == "box-cox":
        _refuse_not_positive(X, scope)
    if X.dtype != FLOAT64:
        graph.tolerance = max(graph.tolerance, FLOAT32_TOLERANCE)
    changed = _CHANGED[estimator.method](graph, X, np.asarray(estimator.lambdas_))
    result = Features.of(graph.cast(changed, X.dtype))
    return standard_scaler(estimator._scaler, result, scope) if estimator.standardize else {"transform": result}


def _refuse_not_positive(X: Tensor, scope: Scope) -> None:
    graph = scope.graph
    wrong = graph.op("LessOrEqual", X, np.array(0, X.dtype), dtype=BOOL)
    found = graph.op("ReduceMax", wrong, np.array([1]), width=1, keepdims=1)
    graph.guard(found, [], "expected strictly positive numbers, got one that is not")


def _yeo_johnson(graph: Graph, X: Tensor, powers: np.ndarray) -> Tensor:
    """Box-Cox of ``1 + x``; below zero that of ``1 - x`` with the power ``2 - power``, negated."""
    eps = np.finfo(powers.dtype).eps
    positive = graph.op("GreaterOrEqual", X, np.array(0, X.dtype), dtype=BOOL)

    power = graph.op("Where", positive, powers.astype(X.dtype), (2 - powers).astype(X.dtype), dtype=X.dtype)
    straight: Tensor | None = None
    if (np.minimum(np.abs(powers), np.abs(powers - 2)) <= eps).any():
        straight = graph.op("LessOrEqual", graph.op("Abs", power), np.array(eps), dtype=BOOL)
    grown = _power(graph, _rounded(log1p, graph, graph.op("Abs", X)), power, straight)
    return graph.op("Where", positive, grown, graph.op("Neg", grown), dtype=X.dtype)


def _box_cox(graph: Graph, X: Tensor, powers: np.ndarray) -> Tensor:
    """In float64, also of float32."""
    straight = np.abs(powers) < 1e-19
    logarithm = graph.op("Log", graph.cast(X, FLOAT64))
    return _power(graph, logarithm, powers.astype(FLOAT64), straight if straight.any() else None)


def _power(graph: Graph, logarithm: Tensor, power: Tensor | np.ndarray, straight: Tensor | np.ndarray | None) -> Tensor:
    """``(exp(power * logarithm) - 1) / power``; where the power is 0, and it is ``straight``, the logarithm."""
    grown = graph.op("Div", _rounded(expm1, graph, graph.op("Mul", logarithm, power)), power)
    if straight is None:
        return grown
    return graph.op("Where", straight, logarithm, grown, dtype=grown.dtype, width=grown.width)


def _rounded(function: Callable[[Graph, Tensor], Tensor], graph: Graph, x: Tensor) -> Tensor:
    """The function in float64, rounded to the dtype of ``x``."""
    return graph.cast(function(graph, graph.cast(x, FLOAT64)), x.dtype)


_CHANGED: dict[str, Callable[[Graph, Tensor, np.ndarray], Tensor]] = {
    "yeo-johnson": _yeo_johnson,
    "box-cox": _box_cox,
}
