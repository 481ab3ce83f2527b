"""``TensorSpec``, and the one table between the wire's datatypes and NumPy's dtypes."""

from __future__ import annotations

import re

import msgspec
import numpy as np

DTYPES: dict[str, np.dtype] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}
"""Datatype (Open Inference Protocol, "Tensor Data Types") → NumPy dtype. Strings are objects."""

DATATYPES: dict[np.dtype, str] = {dtype: datatype for datatype, dtype in DTYPES.items()}

_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT_DTYPE = re.compile(r"[<>]U[0-9]{1,9}")

MISSING = "\ufdd0"
"""A missing string, inside the model. U+FDD0 is a Unicode noncharacter: reserved for internal use
and never valid in data that is exchanged (Unicode Standard, section 23.7)."""

USABLE = "text without NUL, U+FDD0 or lone surrogates"


def is_usable(text: str) -> bool:
    """No NUL (it ends a string in C), no lone surrogate (it has no UTF-8), not our own mark for missing."""
    if text.isascii():
        return "\x00" not in text
    return "\x00" not in text and MISSING not in text and not _SURROGATE.search(text)


BEYOND_SINGLE = 2.0**128 - 2.0**103
"""From here on, float64 numbers are rounded to inf in float32 (IEEE 754, round to nearest)."""


class TensorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One input or output.

    ``shape`` has -1 where it varies; the first dimension is the rows. ``missing`` and ``infinite``
    say whether scikit-learn accepts a missing value (NaN, null) or ±inf there, ``single`` that it
    rounds numbers to float32 and refuses those beyond its range. ``dtype`` is NumPy's name of the
    dtype that scikit-learn returns, where the datatype alone does not say it: ``<U9``.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    missing: bool = False
    infinite: bool = False
    single: bool = False
    dtype: str = ""

    def __post_init__(self) -> None:
        if self.datatype not in DTYPES:
            raise ValueError(f"datatype of {self.name!r}: expected one of {', '.join(DTYPES)}, got {self.datatype!r}")
        if not self.shape or self.shape[0] != -1 or any(size < -1 for size in self.shape):
            raise ValueError(f"shape of {self.name!r}: expected (-1, ...), got {self.shape}")
        if self.dtype and not (self.datatype == "BYTES" and _TEXT_DTYPE.fullmatch(self.dtype)):
            raise ValueError(
                f"dtype of {self.name!r}: expected one such as '<U9' and datatype BYTES, got {self.dtype!r}"
            )

    @property
    def numpy_dtype(self) -> np.dtype:
        """The dtype of the array that holds this tensor."""
        return np.dtype(self.dtype) if self.dtype else DTYPES[self.datatype]

    @property
    def is_float(self) -> bool:
        return DTYPES[self.datatype].kind == "f"

    @property
    def is_integer(self) -> bool:
        return DTYPES[self.datatype].kind in "iu"
