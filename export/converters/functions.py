"""FunctionTransformer with a function of NumPy that answers number by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skerry.export.converters.elementary import arctan, cbrt, expm1, log1p
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, INT64, Features, Graph, Outputs, Tensor

Function = Callable[[Graph, Tensor], Tensor]


def function_transformer(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """With ``validate`` the rows become one array of finite numbers; without, columns of a frame keep their dtypes."""
    graph = scope.graph
    if estimator.kw_args:
        raise scope.refuse(estimator, "a function with arguments (kw_args) is not converted")
    if estimator.validate:
        X = graph.matrix(features)
        if X.dtype.kind == "f":
            scope.refuse_not_finite(X)
        features = Features.of(X, features.origins)
    if estimator.func is None:
        return {"transform": features}
    parts = features if features.is_input else Features.of(graph.matrix(features), features.origins)
    columns = [parts.select(np.flatnonzero(mask)) for mask in _alike(parts)]
    tensors = [_applied(estimator, graph.matrix(part), scope) for part in columns]
    return {"transform": Features.join(map(Features.of, tensors))}


def _alike(features: Features) -> list[np.ndarray]:
    """Masks of neighbouring columns of one dtype, in their order."""
    codes = np.array([str(dtype) for dtype in features.dtypes])
    runs = np.cumsum(np.append(0, codes[1:] != codes[:-1]))
    return [runs == run for run in range(runs[-1] + 1)]


def _applied(estimator: Any, X: Tensor, scope: Scope) -> Tensor:
    """The function of each number, in the dtypes that NumPy takes and gives; float32 by way of float64."""
    graph, function = scope.graph, estimator.func
    if not isinstance(function, np.ufunc) or function not in FLOAT_FUNCTIONS:
        raise scope.refuse(estimator, f"func={function!r} is not converted; NumPy's elementwise functions are")
    try:
        taken, given = function.resolve_dtypes((X.dtype, None))
    except TypeError:
        raise scope.refuse(estimator, f"{function.__name__} of {X.dtype} is not converted") from None
    if taken.kind == "f" and taken.itemsize >= 4:
        return graph.cast(FLOAT_FUNCTIONS[function](graph, graph.cast(graph.cast(X, taken), FLOAT64)), given)
    if taken == INT64 and function in INTEGER_FUNCTIONS:
        return graph.cast(INTEGER_FUNCTIONS[function](graph, X), given)
    raise scope.refuse(estimator, f"{function.__name__} of {X.dtype} is not converted")


def _operator(kind: str, dtype: Any = None) -> Function:
    return lambda graph, x: graph.op(kind, x, dtype=dtype)


def _scaled(function: Function, factor: float) -> Function:
    return lambda graph, x: graph.op("Mul", function(graph, x), np.array(factor))


def _logarithm(base: float) -> Function:
    return lambda graph, x: graph.op("Div", graph.op("Log", x), np.array(np.log(base)))


def _square(graph: Graph, x: Tensor) -> Tensor:
    return graph.op("Mul", x, x)


def _same(graph: Graph, x: Tensor) -> Tensor:
    return x


def _truncated(graph: Graph, x: Tensor) -> Tensor:
    return graph.op("Mul", graph.op("Sign", x), graph.op("Floor", graph.op("Abs", x)))


def _finite(graph: Graph, x: Tensor) -> Tensor:
    return graph.op("Not", graph.op("IsNaN", graph.op("Sub", x, x), dtype=BOOL))


FLOAT_FUNCTIONS: dict[np.ufunc, Function] = {
    np.absolute: _operator("Abs"),
    np.arctan: arctan,
    np.cbrt: cbrt,
    np.ceil: _operator("Ceil"),
    np.cos: _operator("Cos"),
    np.deg2rad: _scaled(_same, np.pi / 180),
    np.exp: _operator("Exp"),
    np.exp2: lambda graph, x: graph.op("Pow", np.array([[2.0]]), x),
    np.expm1: expm1,
    np.fabs: _operator("Abs"),
    np.floor: _operator("Floor"),
    np.isfinite: _finite,
    np.isinf: _operator("IsInf", BOOL),
    np.isnan: _operator("IsNaN", BOOL),
    np.log: _operator("Log"),
    np.log10: _logarithm(10),
    np.log1p: log1p,
    np.log2: _logarithm(2),
    np.negative: _operator("Neg"),
    np.positive: _same,
    np.rad2deg: _scaled(_same, 180 / np.pi),
    np.reciprocal: _operator("Reciprocal"),
    np.rint: _operator("Round"),
    np.sign: _operator("Sign"),
    np.sin: _operator("Sin"),
    np.sqrt: _operator("Sqrt"),
    np.square: _square,
    np.tanh: _operator("Tanh"),
    np.trunc: _truncated,
}
"""What is a ufunc of one number in float64. Not here: tan, whose error grows at its poles beyond any tolerance."""

INTEGER_FUNCTIONS: dict[np.ufunc, Function] = {
    np.absolute: _operator("Abs"),
    np.ceil: _same,
    np.floor: _same,
    np.negative: _operator("Neg"),
    np.positive: _same,
    np.sign: _operator("Sign"),
    np.square: _square,
    np.trunc: _same,
}
"""What gives int64 for int64."""
