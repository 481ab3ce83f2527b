"""``Stored``: a constant as it lies in a file, and the nodes that make it what it was. One function for each form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]

NARROWER = {
    "f": (np.uint8, np.int8, np.float16, np.int16, np.float32),
    "i": (np.uint8, np.int8, np.uint16, np.int16, np.int32),
    "u": (np.uint8, np.uint16),
}
"""Kind of dtype → those that a constant may lie in, shortest first."""

SPARSE = 0.5
"""The share of zeros from which on a constant may be stored without them."""
LARGEST_HALF = float(np.finfo(np.float16).max)
LONG = 32
"""A row or column of so many numbers has a step of its own, which takes five bytes."""
LEVELS = 255
"""Steps between the least and the largest of 256 levels."""


@dataclass(frozen=True)
class Stored:
    """Tensors of the file, and the nodes that make the constant of them."""

    tensors: tuple[TensorProto, ...]
    nodes: tuple[onnx.NodeProto, ...]

    @property
    def size(self) -> int:
        """Bytes in the file, with 6 for the tag and the length of each part."""
        return sum(map(_written_size, self.tensors)) + sum(map(_written_size, self.nodes))

    def __add__(self, other: Stored) -> Stored:
        return Stored((*self.tensors, *other.tensors), (*self.nodes, *other.nodes))


def _written_size(part: TensorProto | onnx.NodeProto) -> int:
    return int(part.ByteSize()) + 6


def exact_forms(array: Array, name: str) -> Iterator[Stored]:
    """The forms that give back every bit of ``array``."""
    yield plain(array, name)
    yield from cast(array, name)
    yield from listed(array, name)
    if np.mean(_bits(array) == 0) >= SPARSE:
        yield sparse(array, name)


def shortest(array: Array, name: str) -> Stored:
    """The shortest of the forms for a part of another form: as it is, or in a narrower dtype."""
    return min([plain(array, name), *cast(array, name)], key=lambda stored: stored.size)


def plain(array: Array, name: str) -> Stored:
    """As it is; whole numbers of 64 bits with as many bytes as each needs."""
    tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
    if array.dtype == np.int64:
        tensor = min(tensor, written_int64(array, name), key=TensorProto.ByteSize)
    return Stored((tensor,), ())


def written_int64(array: Array, name: str) -> TensorProto:
    """A tensor whose numbers are varints (protobuf's): one byte below 128, two below 16,384, ten where negative."""
    tensor = TensorProto(name=name, data_type=TensorProto.INT64, dims=array.shape)
    tensor.int64_data.extend(array.ravel().tolist())
    return tensor


def cast(array: Array, name: str) -> Iterator[Stored]:
    """In the shortest dtype that holds every number exactly."""
    for dtype in NARROWER.get(array.dtype.kind, ()):
        if np.dtype(dtype).itemsize < array.itemsize and _is_exact(array, dtype):
            yield _cast_from(array.astype(dtype), array.dtype, name)
            return


def listed(array: Array, name: str) -> Iterator[Stored]:
    """The distinct numbers, and for each place the number of its own: where there are few."""
    if array.dtype.kind not in "fi" or array.size < LEVELS:
        return
    distinct, codes = np.unique(_bits(array), return_inverse=True)
    if len(distinct) > min(2**16, array.size // 2):
        return
    narrow = np.uint8 if len(distinct) <= 2**8 else np.uint16
    numbers = _cast_from(codes.reshape(array.shape).astype(narrow), np.dtype(np.int32), f"{name}_numbers")
    table = shortest(distinct.view(array.dtype), f"{name}_distinct")
    yield numbers + table + _node("Gather", [f"{name}_distinct", f"{name}_numbers"], name, axis=0)


def sparse(array: Array, name: str) -> Stored:
    """The numbers that are not 0, and how far each is from the one before, in a byte: a longer gap has zeros among them."""
    flat = array.ravel()
    places = np.flatnonzero(_bits(flat) != 0)
    gaps = np.diff(places, prepend=0)
    fills = [
        np.arange(start - gap + LEVELS, start, LEVELS) for start, gap in zip(places, gaps, strict=True) if gap > LEVELS
    ]
    places = np.union1d(places, np.concatenate([np.empty(0, int), *fills]))
    steps = np.diff(places, prepend=0).astype(np.uint8)
    zero = numpy_helper.from_array(np.zeros(1, array.dtype))
    shape, size = np.array(array.shape, np.int64), np.array([array.size], np.int64)
    return (
        _cast_from(steps, np.dtype(np.int64), f"{name}_steps")
        + plain(np.array(0, np.int64), f"{name}_first")
        + _node("CumSum", [f"{name}_steps", f"{name}_first"], f"{name}_places")
        + plain(size, f"{name}_size")
        + _node("ConstantOfShape", [f"{name}_size"], f"{name}_zeros", value=zero)
        + shortest(flat[places], f"{name}_values")
        + _node("ScatterElements", [f"{name}_zeros", f"{name}_places", f"{name}_values"], f"{name}_flat", axis=0)
        + plain(shape, f"{name}_shape")
        + _node("Reshape", [f"{name}_flat", f"{name}_shape"], name)
    )


def half(array: Array, name: str) -> Iterator[Stored]:
    """Rounded to float16: as it is, or after a power of two has brought the largest number near float16's largest, where
    small numbers lose fewer digits."""
    if np.abs(array).max() <= LARGEST_HALF and _error(array, rounded(array, np.float16)) <= _best_error(array):
        yield from exact_forms(rounded(array, np.float16), name)
        return
    scale = array.dtype.type(2.0 ** -_exponent(array))
    scaled = rounded(array / scale, np.float16)
    forms = list(exact_forms(scaled, f"{name}_scaled"))
    product = plain(np.array(scale), f"{name}_scale") + _node("Mul", [f"{name}_scaled", f"{name}_scale"], name)
    yield min(forms, key=lambda stored: stored.size) + product


def levels(array: Array, name: str) -> Stored:
    """Rounded to 256 levels: ``(code - zero) * step``, with a step for each row or column: what rounds better, unless they
    are so short that their steps would take too much room."""
    code, zero, step = min(
        (_grid(array, axis) for axis in _sliced(array)), key=lambda grid: _error(array, _on_grid(*grid))
    )
    return (
        _cast_from(code, array.dtype, f"{name}_codes")
        + _cast_from(zero, array.dtype, f"{name}_zero")
        + _node("Sub", [f"{name}_codes", f"{name}_zero"], f"{name}_centred")
        + shortest(step, f"{name}_step")
        + _node("Mul", [f"{name}_centred", f"{name}_step"], name)
    )


def _sliced(array: Array) -> list[tuple[int, ...]]:
    """What to take extremes over, so that a number is left for each row, each column ..."""
    longest = max(array.size // array.shape[axis] for axis in range(array.ndim))
    kept = [axis for axis in range(array.ndim) if array.size // array.shape[axis] >= min(longest, LONG)]
    return [tuple(other for other in range(array.ndim) if other != axis) for axis in kept]


def rounded(array: Array, dtype: Any) -> Array:
    """In the dtype that it has, rounded to what ``dtype`` holds."""
    with np.errstate(over="ignore"):
        return array.astype(dtype).astype(array.dtype)


def _grid(array: Array, axis: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Codes (uint8), the code of 0, and the step, which float32 holds, along the other axis."""
    low = np.minimum(array.min(axis=axis, keepdims=True), 0)
    high = np.maximum(array.max(axis=axis, keepdims=True), 0)
    step = rounded(np.maximum((high - low) / LEVELS, np.finfo(np.float32).tiny), np.float32)
    zero = np.clip(np.rint(-low / step), 0, LEVELS)
    code = np.clip(np.rint(array / step) + zero, 0, LEVELS)
    return code.astype(np.uint8), zero.astype(np.uint8), step


def _on_grid(code: Array, zero: Array, step: Array) -> Array:
    return (code.astype(step.dtype) - zero) * step


def _exponent(array: Array) -> int:
    """The power of two that brings the largest number to between 2**14 and 2**15."""
    return 15 - int(np.frexp(np.abs(array).max())[1])


def _best_error(array: Array) -> float:
    """What rounding to float16 must not exceed by much: its error with a scale, and a hundredth of it."""
    scale = 2.0 ** _exponent(array)
    return 1.01 * _error(array, rounded(array * scale, np.float16) / scale)


def _error(array: Array, other: Array) -> float:
    return float(np.square(array - other, dtype=np.float64).sum())


def _is_exact(array: Array, dtype: Any) -> bool:
    with np.errstate(all="ignore"):
        back = array.astype(dtype).astype(array.dtype)
    return np.array_equal(_bits(back), _bits(array))


def _bits(array: Array) -> Array:
    """The same numbers as integers: -0.0 is not 0.0, and NaN is equal to itself."""
    return np.ascontiguousarray(array).view(f"i{array.itemsize}")


def _cast_from(narrow: Array, dtype: np.dtype[Any], name: str) -> Stored:
    tensor = numpy_helper.from_array(np.ascontiguousarray(narrow), f"{name}_narrow")
    target = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return Stored((tensor,), ()) + _node("Cast", [tensor.name], name, to=target)


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> Stored:
    return Stored((), (helper.make_node(kind, inputs, [output], **attributes),))
