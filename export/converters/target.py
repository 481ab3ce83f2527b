"""TransformedTargetRegressor: predictions brought back by the inverse of what the targets were transformed with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.preprocessing._data import BOUNDS_THRESHOLD

from skerry.export.converters.composition import transformed
from skerry.export.converters.elementary import log1p, normal_level
from skerry.export.converters.functions import function_transformer
from skerry.export.converters.interpolation import interpolated
from skerry.export.converters.members import answer
from skerry.export.converters.scaling import in_place
from skerry.export.converters.scope import Scope
from skerry.export.graph import BOOL, FLOAT64, Features, Graph, Outputs, Tensor

EPSILON = np.spacing(1.0)


def transformed_target_regressor(estimator: Any, features: Features, scope: Scope) -> Outputs:
    graph = scope.graph
    outputs = scope.convert("regressor_", estimator.regressor_, features)
    prediction = graph.column(answer(outputs, "predict", estimator.regressor_, scope))
    restored = _restored(estimator.transformer_, prediction, scope)
    return {"predict": graph.flatten(restored) if estimator._training_dim == 1 and restored.width == 1 else restored}


def _restored(transformer: Any, X: Tensor, scope: Scope) -> Tensor:
    """``transformer.inverse_transform(X)``: (rows, targets) → the same."""
    if type(transformer) not in _INVERSES:
        raise scope.refuse(transformer, "its inverse_transform is not converted")
    return _INVERSES[type(transformer)](transformer, X, scope)


def _pipeline(pipeline: Any, X: Tensor, scope: Scope) -> Tensor:
    for _, step in reversed(pipeline.steps):
        if step is not None and step != "passthrough":
            X = _restored(step, X, scope)
    return X


def _function(transformer: Any, X: Tensor, scope: Scope) -> Tensor:
    inverse = FunctionTransformer(
        transformer.inverse_func, validate=transformer.validate, kw_args=transformer.inv_kw_args
    )
    return scope.graph.matrix(transformed(function_transformer(inverse, Features.of(X), scope)))


def _standard(scaler: Any, X: Tensor, scope: Scope) -> Tensor:
    X = _checked(X, scope)
    if scaler.with_std:
        X = scope.graph.op("Mul", X, scaler.scale_.astype(X.dtype))
    return scope.graph.op("Add", X, scaler.mean_.astype(X.dtype)) if scaler.with_mean else X


def _min_max(scaler: Any, X: Tensor, scope: Scope) -> Tensor:
    X = in_place(scope.graph, "Sub", _checked(X, scope), scaler.min_)
    return in_place(scope.graph, "Div", X, scaler.scale_)


def _max_abs(scaler: Any, X: Tensor, scope: Scope) -> Tensor:
    return in_place(scope.graph, "Mul", _checked(X, scope), scaler.scale_)


def _robust(scaler: Any, X: Tensor, scope: Scope) -> Tensor:
    X = _checked(X, scope)
    if scaler.with_scaling:
        X = in_place(scope.graph, "Mul", X, scaler.scale_)
    return in_place(scope.graph, "Add", X, scaler.center_) if scaler.with_centering else X


def _quantile(transformer: Any, X: Tensor, scope: Scope) -> Tensor:
    graph, quantiles = scope.graph, transformer.quantiles_
    level = X = _checked(X, scope)
    if normal := transformer.output_distribution == "normal":
        level = normal_level(graph, graph.cast(X, FLOAT64))
    values = interpolated(graph, level, [transformer.references_] * (X.width or 1), list(quantiles.T))
    return graph.cast(_ended(graph, level, values, quantiles) if normal else values, X.dtype)


def _ended(graph: Graph, level: Tensor, values: Tensor, quantiles: Any) -> Tensor:
    """The first and the last quantile where the level is near 0 or 1."""
    reach = np.array(BOUNDS_THRESHOLD)
    below = graph.op("Less", graph.op("Sub", level, reach), np.array(0.0), dtype=BOOL)
    above = graph.op("Greater", graph.op("Add", level, reach), np.array(1.0), dtype=BOOL)
    values = graph.op("Where", above, quantiles[-1:].astype(float), values, dtype=FLOAT64)
    return graph.op("Where", below, quantiles[:1].astype(float), values, dtype=FLOAT64)


def _power(transformer: Any, X: Tensor, scope: Scope) -> Tensor:
    graph = scope.graph
    X = _standard(transformer._scaler, X, scope) if transformer.standardize else _checked(X, scope)
    wide = graph.cast(X, FLOAT64)
    columns = [
        _POWERS[transformer.method](graph, graph.columns(wide, [index]), float(power))
        for index, power in enumerate(transformer.lambdas_)
    ]
    return graph.cast(graph.concat(columns), X.dtype)


def _box_cox(graph: Graph, x: Tensor, power: float) -> Tensor:
    """``scipy.special.inv_boxcox``."""
    if power == 0:
        return graph.op("Exp", x)
    return graph.op("Exp", graph.op("Div", log1p(graph, graph.op("Mul", x, np.array(power))), np.array(power)))


def _yeo_johnson(graph: Graph, x: Tensor, power: float) -> Tensor:
    """Two halves that meet at zero, as ``PowerTransformer`` computes them."""
    one, positive = np.array(1.0), graph.op("GreaterOrEqual", x, np.array(0.0), dtype=BOOL)
    rest = 2 - power
    upper = graph.op("Exp", x) if abs(power) < EPSILON else _root(graph, x, power)
    lower = _root(graph, x, -rest, rest) if abs(power - 2) > EPSILON else graph.op("Exp", graph.op("Neg", x))
    return graph.op("Where", positive, graph.op("Sub", upper, one), graph.op("Sub", one, lower), dtype=FLOAT64, width=1)


def _root(graph: Graph, x: Tensor, slope: float, power: float | None = None) -> Tensor:
    """``(x * slope + 1) ** (1 / power)``; ``power`` is the slope where it is not given."""
    grown = graph.op("Add", graph.op("Mul", x, np.array(slope)), np.array(1.0))
    return graph.op("Pow", grown, np.array(1 / (slope if power is None else power)))


def _checked(X: Tensor, scope: Scope) -> Tensor:
    """A float tensor, whose rows with ±inf are refused; NaN is not."""
    X = X if X.dtype.kind == "f" else scope.graph.cast(X, FLOAT64)
    scope.refuse_infinite(Features.of(X), X)
    return X


_POWERS: dict[str, Callable[[Graph, Tensor, float], Tensor]] = {"box-cox": _box_cox, "yeo-johnson": _yeo_johnson}
_INVERSES: dict[type, Callable[[Any, Tensor, Scope], Tensor]] = {
    FunctionTransformer: _function,
    MaxAbsScaler: _max_abs,
    MinMaxScaler: _min_max,
    Pipeline: _pipeline,
    PowerTransformer: _power,
    QuantileTransformer: _quantile,
    RobustScaler: _robust,
    StandardScaler: _standard,
}
