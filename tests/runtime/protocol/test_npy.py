from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest

from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput, NotAcceptable, TooLarge
from skerry.runtime.limits import Limits
from skerry.runtime.protocol.media import NPY
from skerry.runtime.protocol.npy import encode_npy
from skerry.runtime.protocol.predict import PredictCodec


@pytest.fixture(scope="module")
def iris(iris_model: Model) -> PredictCodec:
    return PredictCodec(iris_model, limits=Limits(max_rows=1000))


def written(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version, allow_pickle=False)
    return buffer.getvalue()


def with_header(header: str, data: bytes = b"") -> bytes:
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2", "<i8", "|u1", ">i2"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_numbers_of_any_width_and_order_are_rows(
    iris: PredictCodec, iris_rows: np.ndarray, dtype: str, order: Any, version: tuple[int, int]
) -> None:
    array = np.array(iris_rows.astype(dtype), order=order)
    feeds = iris.decode(written(array, version), NPY).feeds
    np.testing.assert_array_equal(feeds["X"], array.astype(np.float64), strict=True)


def test_numbers_of_the_models_own_width_are_not_copied(iris: PredictCodec, iris_rows: np.ndarray) -> None:
    assert not iris.decode(written(iris_rows), NPY).feeds["X"].flags.owndata


def test_columns_of_a_named_model_come_in_the_order_of_its_inputs(diabetes_model: Model, diabetes_rows: Any) -> None:
    codec = PredictCodec(diabetes_model)
    request = codec.decode(written(diabetes_rows.to_numpy()), NPY)
    assert request.rows == len(diabetes_rows)
    np.testing.assert_array_equal(request.feeds["FP64"], diabetes_rows.to_numpy(), strict=True)


def test_strings_are_texts_and_bytes_are_not(reviews_model: Model, reviews_rows: list[str]) -> None:
    codec = PredictCodec(reviews_model)
    request = codec.decode(written(np.array(reviews_rows)), NPY)
    expected = reviews_model.feeds.from_rows(reviews_rows)
    for name, array in request.feeds.items():
        np.testing.assert_array_equal(array, expected[name], strict=True)
    beyond = written(np.array(["abcd", "efgh"])).replace("a".encode("utf-32-le"), b"\xff\xff\x11\x00")
    with pytest.raises(InvalidInput, match=r"^expected strings of Unicode characters, got others$"):
        codec.decode(beyond, NPY)


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.array([["a"] * 4]), "input 'X' row 0: expected a number, got an array of str32"),
        (np.array([[True] * 4]), "input 'X' row 0: expected a number, got an array of bool"),
        (np.array([[1j] * 4]), "expected an array of real numbers, truths or strings, got '<c16'"),
        (np.array([[b"1"] * 4]), "expected an array of real numbers, truths or strings, got '|S1'"),
        (np.array([["2026-11-22"] * 4], "M8[D]"), "expected an array of real numbers, truths or strings, got '<M8[D]'"),
        (np.ones((2, 4), np.longdouble), "expected an array of real numbers, truths or strings, got '<f16'"),
        (np.ones((2, 3)), "expected 4 values a row, got 3"),
        (np.ones(4), "expected 4 values a row, got shape (4,)"),
        (np.ones((0, 4)), "expected at least one row, got none"),
        (np.ones((1, 2, 2)), "expected an array of 1 or 2 dimensions, got 3"),
        (np.float64(1.0), "expected an array of 1 or 2 dimensions, got 0"),
        (np.array([[1, 2, np.nan, 4]]), "input 'X' row 0 column 2: expected a number, got a missing value"),
        (np.array([[1, 2, np.inf, 4]]), "input 'X' row 0 column 2: expected a finite number, got inf"),
    ],
)
def test_arrays_that_are_no_rows_are_refused(iris: PredictCodec, array: Any, error: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(error)}$"):
        iris.decode(written(np.asarray(array)), NPY)


HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4), }"


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        '{"shape": (1,4),"descr":"<f8", "fortran_order":False}',
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1L, 4L)}          ",
    ],
)
def test_headers_may_be_written_in_any_way(iris: PredictCodec, header: str) -> None:
    assert iris.decode(with_header(header, np.ones(4).tobytes()), NPY).feeds["X"].tolist() == [[1.0] * 4]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (with_header(HEADER, b"\0" * 31), "expected 32 bytes for shape (1, 4) of <f8, got 31"),
        (with_header(HEADER, b"\0" * 33), "expected 32 bytes for shape (1, 4) of <f8, got 33"),
        (with_header(HEADER.replace("'<f8'", "'|O'"), b"\x80\x04N."), "expected an array of real numbers, truths or strings, got '|O'"),
        (with_header(HEADER.replace("'<f8'", "[('a', '<f8')]")), "expected an .npy header of descr, fortran_order and shape"),
        (with_header(HEADER.replace("(1, 4)", "(-1, 4)")), "expected an .npy header of descr, fortran_order and shape"),
        (with_header(HEADER.replace("False", "exit()")), "expected an .npy header of descr, fortran_order and shape"),
        (with_header(HEADER.replace("}", "'x': 1}")), "expected an .npy header of descr, fortran_order and shape"),
        (with_header("(" * 900), "expected an .npy header of descr, fortran_order and shape"),
        (with_header(HEADER.ljust(2000)), "expected an .npy header of at most 1024 bytes, got 2001"),
        (b"\x93NUMPY\x03\x00" + b"\0" * 90, "expected an .npy of version 1.0 or 2.0, got something else"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"\0" * 90, "expected an .npy header of at most 1024 bytes, got 4294967295"),
    ],
)  # fmt: skip
def test_what_is_no_npy_is_refused(iris: PredictCodec, content: bytes, error: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(error)}$"):
        iris.decode(content, NPY)


@pytest.mark.parametrize("shape", ["(1001, 4)", "(999999999999999999, 4)", "(10, 999999999999999999)"])
def test_sizes_are_known_before_anything_is_made(iris: PredictCodec, shape: str) -> None:
    with pytest.raises(TooLarge, match=r"^expected at most \d+ (rows|values), got \d+$"):
        iris.decode(with_header(HEADER.replace("(1, 4)", shape)), NPY)


def test_truths_are_bytes_of_0_and_1(passengers_model: Model) -> None:
    codec = PredictCodec(passengers_model)
    with pytest.raises(InvalidInput, match=r"^input 'age' row 0: expected a number, got an array of bool$"):
        codec.decode(written(np.ones((1, 6), bool)), NPY)


@pytest.mark.parametrize(
    "answer", [np.array([1, 2]), np.array([[0.1, np.nan], [np.inf, -0.0]]), np.array(["a", "é"]), np.array([True])]
)
def test_an_answer_reads_back_as_it_was(answer: np.ndarray) -> None:
    np.testing.assert_array_equal(np.load(io.BytesIO(encode_npy([answer]))), answer, strict=True)


def test_strings_that_are_objects_are_not_pickled() -> None:
    back = np.load(io.BytesIO(encode_npy([np.array(["a", "é"], object)])), allow_pickle=False)
    np.testing.assert_array_equal(back, np.array(["a", "é"]), strict=True)


def test_several_answers_are_no_array() -> None:
    with pytest.raises(NotAcceptable, match=r"^expected one output for application/x-npy, got 2$"):
        encode_npy([np.ones(1), np.ones(1)])
