from __future__ import annotations

import msgspec
import numpy as np
import pytest

from skerry.runtime.tensors import DATATYPES, DTYPES, TensorSpec


def test_every_datatype_has_one_dtype_and_back() -> None:
    assert {DATATYPES[dtype]: dtype for dtype in DTYPES.values()} == DTYPES


def test_dtypes_are_those_of_the_protocol() -> None:
    assert {datatype: dtype.str[1:] for datatype, dtype in DTYPES.items()} == {
        "BOOL": "b1",
        "UINT8": "u1",
        "UINT16": "u2",
        "UINT32": "u4",
        "UINT64": "u8",
        "INT8": "i1",
        "INT16": "i2",
        "INT32": "i4",
        "INT64": "i8",
        "FP32": "f4",
        "FP64": "f8",
        "BYTES": "O",
    }


@pytest.mark.parametrize("datatype", ["fp32", "FLOAT", "STRING", "FP16", ""])
def test_datatype_that_is_not_in_the_table_is_refused(datatype: str) -> None:
    with pytest.raises(ValueError, match=f"^datatype of 'X': expected one of BOOL, .*, BYTES, got '{datatype}'$"):
        TensorSpec(name="X", datatype=datatype, shape=(-1, 4))


@pytest.mark.parametrize("shape", [(), (4,), (4, -1), (0,), (-1, -2), (-2, 4)])
def test_shape_begins_with_the_rows(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^shape of 'X': expected \(-1, \.\.\.\), got "):
        TensorSpec(name="X", datatype="FP64", shape=shape)


@pytest.mark.parametrize(
    ("datatype", "dtype"), [("BYTES", "garbage"), ("BYTES", "O"), ("BYTES", "<f8"), ("FP64", "<U9"), ("FP64", "<f4")]
)
def test_dtype_is_a_width_of_text_and_nothing_else(datatype: str, dtype: str) -> None:
    with pytest.raises(ValueError, match=r"^dtype of 'predict': expected one such as '<U9' and datatype BYTES, got "):
        TensorSpec(name="predict", datatype=datatype, shape=(-1,), dtype=dtype)


@pytest.mark.parametrize(
    ("datatype", "dtype", "expected"),
    [("BYTES", "<U7", "<U7"), ("BYTES", "", "O"), ("FP32", "", "<f4"), ("BOOL", "", "?")],
)
def test_numpy_dtype_is_the_dtype_scikit_learn_returns(datatype: str, dtype: str, expected: str) -> None:
    assert TensorSpec(name="y", datatype=datatype, shape=(-1,), dtype=dtype).numpy_dtype == np.dtype(expected)


@pytest.mark.parametrize(
    ("datatype", "kinds"),
    [("FP32", (True, False)), ("UINT8", (False, True)), ("BOOL", (False, False)), ("BYTES", (False, False))],
)
def test_kind_of_number(datatype: str, kinds: tuple[bool, bool]) -> None:
    spec = TensorSpec(name="X", datatype=datatype, shape=(-1, 1))
    assert (spec.is_float, spec.is_integer) == kinds


def test_unknown_field_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `unit`"):
        msgspec.json.decode(b'{"name": "X", "datatype": "FP64", "shape": [-1, 4], "unit": "m"}', type=TensorSpec)
