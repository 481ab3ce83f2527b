"""What is called smaller or faster is: the verdict, and that it is measured."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from skerry.quantize.graphs.gain import Gain, Timing, measure_gain


def timing(ratio: float, seconds: float = 1e-3) -> Timing:
    return Timing(1, seconds, seconds * ratio, ratio)


@pytest.mark.parametrize(
    ("after", "ratios", "is_one"),
    [
        (50, (1.0, 1.0), True),
        (50, (1.04, 0.97), True),
        (50, (1.2, 0.5), False),
        (99, (1.0, 1.0), False),
        (100, (0.5, 1.0), True),
        (100, (0.97, 0.94), False),
        (101, (0.5, 0.5), False),
    ],
)
def test_a_gain_is_smaller_and_not_slower_or_faster_and_not_larger(
    after: int, ratios: tuple[float, ...], is_one: bool
) -> None:
    assert Gain(100, after, tuple(map(timing, ratios))).is_one == is_one


def test_half_a_microsecond_is_not_noticed_and_more_is() -> None:
    assert not timing(1.1, 4e-6).is_slower
    assert timing(1.1, 1e-5).is_slower


def test_the_text_has_the_numbers() -> None:
    gain = Gain(2_000, 1_000, (Timing(1, 2e-6, 1.5e-6, 0.75), Timing(1000, 2e-3, 1e-3, 0.5)))
    assert str(gain) == (
        "1,000 bytes instead of 2,000, 1.5 µs instead of 2.0 µs for 1 row, 1.00 ms instead of 2.00 ms for 1,000 rows"
    )


def _products(count: int) -> bytes:
    names = [f"x{place}" for place in range(count + 1)]
    nodes = [helper.make_node("MatMul", [before, "w"], [after]) for before, after in pairwise(names)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 100]) for name in (names[0], names[-1])]
    weights = numpy_helper.from_array(np.eye(100, dtype=np.float32), "w")
    model = helper.make_model(
        helper.make_graph(nodes, "test", ends[:1], ends[1:], [weights]),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    return bytes(model.SerializeToString())


def test_half_of_the_work_is_measured_as_faster() -> None:
    feeds = {"x0": np.ones((3, 100), np.float32)}
    gain = measure_gain(_products(12), _products(3), feeds, seconds=0.05)
    assert [timing.rows for timing in gain.timings] == [1, 1000]
    assert gain.is_faster
    assert gain.worst < 0.8
    assert measure_gain(_products(3), _products(12), feeds, seconds=0.05).is_slower
