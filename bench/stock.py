"""``StockConversion``: what skl2onnx makes of an estimator, and the form in which its graph takes rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from skerry.runtime.errors import BenchError
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.session import Session, SessionConfig

DTYPES = ("float64", "float32")
"""What it is asked to take, in this order: scikit-learn's own dtype first."""
ANSWERS = ("predict", "predict_proba", "decision_function", "transform")
"""In the order in which skl2onnx's outputs answer those of them that an estimator has."""


@dataclass(frozen=True)
class StockConversion:
    """An ONNX model by skl2onnx, and the ``dtype`` of the numbers that it takes."""

    content: bytes
    dtype: str
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, estimator: Any, rows: Any) -> StockConversion:
        """Convert for float64 rows, or where that does not convert and run, for float32.

        ``rows`` are as scikit-learn takes them: a DataFrame, an array, or texts.

        Raises:
            BenchError: neither works; the text is skl2onnx's or ONNX Runtime's own.
        """
        reason: Exception | None = None
        for dtype in DTYPES:
            try:
                return cls._of(estimator, rows, dtype)
            except Exception as error:  # converters and ONNX Runtime raise whatever they happen to hit
                reason = error
        raise BenchError(
            f"skl2onnx {version('skl2onnx')} has no conversion that runs: {_first_line(reason)}"
        ) from reason

    @classmethod
    def _of(cls, estimator: Any, rows: Any, dtype: str) -> StockConversion:
        content = convert(estimator, rows, dtype)
        session = Session(content, SessionConfig(intra_op_num_threads=1))
        session.run({name: array[:1] for name, array in _columns(rows, dtype).items()}, session.outputs)
        return cls(content, dtype, session.outputs)

    def methods(self, available: Iterable[str]) -> dict[str, str]:
        """Which output answers which of the methods that the estimator has."""
        known = set(available)
        return dict(zip([method for method in ANSWERS if method in known], self.outputs, strict=False))

    def feeds(self, rows: Any) -> Feeds:
        """Rows as this model takes them."""
        return _columns(rows, self.dtype)


def convert(estimator: Any, rows: Any, dtype: str) -> bytes:
    """skl2onnx's ONNX model for rows like these, with numbers in ``dtype``, and arrays for probabilities.

    Raises whatever skl2onnx does where it cannot.
    """
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    tensor_types = {"f8": DoubleTensorType, "f4": FloatTensorType, "O": StringTensorType}
    types = [
        (name, tensor_types[array.dtype.str[1:]]([None, array.shape[1]]))
        for name, array in _columns(rows, dtype).items()
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = to_onnx(estimator, initial_types=types, options={id(estimator): {"zipmap": False}})
        except NameError:  # it has no such option
            model = to_onnx(estimator, initial_types=types)
    content: bytes = model.SerializeToString()
    return content


def _columns(rows: Any, dtype: str) -> Feeds:
    """A frame's columns under their own names, else ``X``; numbers in ``dtype``, texts as objects; each (rows, width)."""
    if isinstance(rows, pd.DataFrame):
        return {str(name): _column(column, dtype) for name, column in rows.items()}
    array = np.asarray(rows)
    if array.dtype.kind in "OUS":
        array = np.asarray(rows, object)
    array = array.reshape(-1, 1) if array.ndim == 1 else array
    return {"X": array if array.dtype == object else _cast(array, dtype)}


def _column(column: pd.Series, dtype: str) -> Array:
    is_number = pd.api.types.is_numeric_dtype(column)
    array = np.asarray(column.to_numpy(np.float64 if is_number else object)).reshape(-1, 1)
    return _cast(array, dtype) if is_number else array


def _cast(array: Array, dtype: str) -> Array:
    """Numbers beyond float32 become infinite there."""
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def _first_line(error: Exception | None) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]
