from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper

from skerry.runtime import Artifact, Model
from skerry.runtime.batching.cost import Curve
from skerry.runtime.batching.plan import Plan, alike_plan, choose_plan, make_plan
from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.manifest import Cost
from skerry.runtime.session import Session, SessionConfig
from skerry.runtime.tensors import TensorSpec


def curve(fixed: float, each: float, most: int = 64) -> Curve:
    """A run takes ``fixed`` seconds, and ``each`` for a row."""
    rows = [2**power for power in range(12) if 2**power <= most]
    return Curve(tuple(Cost(rows=count, seconds=fixed + each * count) for count in rows))


@pytest.mark.parametrize(
    ("costs", "mode", "rows"),
    [
        (curve(8e-6, 1e-7), "inline", 1),  # a linear model: a batch saves less than it costs to make one
        (curve(2e-6, 40e-6), "inline", 1),  # a forest: every row has its price
        (curve(700e-6, 25e-6), "gathered", 32),  # a large network: the weights are read once
        (curve(40e-6, 10e-6), "gathered", 64),
        (curve(300e-6, 200e-6), "gathered", 8),  # a batch of 16 would take the event loop too long
        (curve(1.9e-3, 1e-6), "gathered", 64),
        (curve(1.9e-3, 50e-6), "threaded", 64),  # alone it may run on the loop, but no batch may
        (curve(1.9e-3, 1e-3), "threaded", 32),
        (curve(1e-6, 5e-3), "threaded", 1),
        (curve(0.5, 0.1, most=1), "threaded", 1),  # too dear to be measured further
    ],
)
def test_what_runs_cost_decides_how_they_are_run(costs: Curve, mode: str, rows: int) -> None:
    plan = choose_plan(costs, most=64)
    assert (plan.mode, plan.batch_rows) == (mode, rows)
    assert plan.row_seconds == pytest.approx(costs.seconds(rows) / rows, rel=0.05, abs=1e-5)


def test_a_batch_is_no_larger_than_it_may_be_or_needs_to_be() -> None:
    assert choose_plan(curve(700e-6, 25e-6), most=4).batch_rows == 4
    assert choose_plan(curve(1.9e-3, 0.5e-3), most=64).batch_rows == 64
    assert choose_plan(curve(1.9e-3, 2e-3), most=64).batch_rows == 16  # 2.12 ms a row; 64 would have 2.03


def test_requests_of_many_rows_are_for_the_thread() -> None:
    assert choose_plan(curve(0.0, 1e-6), most=64).loop_rows == pytest.approx(2000, abs=1)


def test_a_model_is_measured_when_it_is_loaded(models: dict[str, Model]) -> None:
    for model in models.values():
        assert make_plan(model, BatchPolicy()).loop_rows > 10


def test_without_golden_rows_the_manifest_is_the_hint(iris_model: Model) -> None:
    def planned(*cost: Cost) -> Plan:
        manifest = msgspec.structs.replace(iris_model.manifest, cost=cost)
        bare = Model(manifest, iris_model._session)
        return make_plan(bare, BatchPolicy())

    assert planned() == Plan(loop_rows=0)
    assert planned(Cost(rows=1, seconds=1e-3)) == Plan(loop_rows=2, row_seconds=1e-3)
    assert planned(Cost(rows=1, seconds=1.0)) == Plan(loop_rows=0, row_seconds=1.0)


WIDE = 1500


def network(artifact: Artifact, last: str, **attributes: Any) -> Model:
    """transform is X @ W, dear enough for batches, less what the operator ``last`` makes of it over the rows of a run."""
    X = helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["rows", 1])
    Y = helper.make_tensor_value_info("transform", TensorProto.DOUBLE, ["rows", WIDE])
    nodes = [
        helper.make_node("MatMul", ["X", "A"], ["h"]),
        helper.make_node("MatMul", ["h", "B"], ["y"]),
        helper.make_node(last, ["y"], ["z"], **attributes),
        helper.make_node("Sub", ["y", "z"], ["transform"]),
    ]
    weights = {"A": np.ones((1, WIDE)), "B": np.eye(WIDE)}
    initializers = [
        helper.make_tensor(name, TensorProto.DOUBLE, array.shape, array.ravel()) for name, array in weights.items()
    ]
    graph = helper.make_graph(nodes, "network", [X], [Y], initializers)
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    manifest = msgspec.structs.replace(
        artifact.manifest,
        name="network",
        task="transformation",
        inputs=(TensorSpec(name="X", datatype="FP64", shape=(-1, 1)),),
        outputs=(TensorSpec(name="transform", datatype="FP64", shape=(-1, WIDE)),),
        guards=(),
        classes=None,
    )
    model = Model(manifest, Session(content, SessionConfig(intra_op_num_threads=1)))
    model.sample = {"X": np.linspace(0.0, 1.0, 20).reshape(-1, 1)}
    return model


NETWORK = curve(700e-6, 25e-6)


def test_rows_that_depend_on_their_neighbours_never_run_with_them(iris_artifact: Artifact) -> None:
    mixing, plain = network(iris_artifact, "LpNormalization", axis=0), network(iris_artifact, "Neg")
    assert mixing.sample is not None
    assert plain.sample is not None
    assert make_plan(mixing, BatchPolicy()).batch_rows == 1
    assert alike_plan(mixing, mixing.sample, NETWORK, 32) is None
    assert alike_plan(plain, plain.sample, NETWORK, 32) == choose_plan(NETWORK, most=32)


def test_rows_are_filled_up_where_a_lone_one_is_rounded_otherwise(iris_artifact: Artifact) -> None:
    """Exp of float64 takes two values at a time, and an odd one at the end otherwise, on some processors."""
    model = network(iris_artifact, "Exp")
    assert model.sample is not None
    plan = alike_plan(model, model.sample, NETWORK, 32)
    assert plan is not None
    assert (plan.batch_rows, plan.row_multiple) in [(32, 1), (32, 2)]
