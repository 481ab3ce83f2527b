"""A sum of trees goes out exactly: at thresholds, with gaps, of one target and several, narrow and not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import numpy_helper
from scipy import sparse
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from skerry.quantize.tree_sum import TreeSum
from skerry.runtime import Model
from skerry.runtime.errors import InvalidInput

Same = Callable[..., Model]
Beside = Callable[[Any], np.ndarray]


def make_trees(
    values: np.ndarray, *, allow_nan: bool = True, allow_inf: bool = False, baseline: Any = None, names: Any = None
) -> TreeSum:
    """Three trees over four columns: of two splits, of one, and a single leaf; ``values`` are (9, targets)."""
    return TreeSum.of(
        feature=[0, 1, 0, 0, 0, 3, 0, 0, 0],
        threshold=np.array([0.1, -2.5, 0, 0, 0, 1e-3, 0, 0, 0], np.float32),
        left=[1, 2, -1, -1, -1, 6, -1, -1, -1],
        right=[4, 3, -1, -1, -1, 7, -1, -1, -1],
        missing_left=[True, False, False, False, False, True, False, False, False],
        values=values,
        roots=[0, 5, 8],
        baseline=np.zeros(values.shape[1]) if baseline is None else baseline,
        width=4,
        allow_nan=allow_nan,
        allow_inf=allow_inf,
        names=names,
    )


def on_grid(targets: int, step: float) -> np.ndarray:
    return np.random.default_rng(targets).integers(-100, 100, (9, targets)) * step


@pytest.fixture
def rows(beside: Beside) -> np.ndarray:
    """At the thresholds, in float64 and in float32, beside them, and with gaps."""
    near = [beside([t, np.float32(t)]) for t in (0.1, -2.5, 1e-3)]
    values = np.concatenate([*near, np.float32(near[0]), [0.0, np.nan, 7.5]])
    return np.random.default_rng(0).choice(values, (300, 4))


VALUES = {
    "one target": np.random.default_rng(0).normal(size=(9, 1)),
    "one target of few bits": on_grid(1, 2.0**-9),
    "three targets": np.random.default_rng(0).normal(size=(9, 3)),
    "three targets of few bits": on_grid(3, 2.0**-9) * [1, 2.0**20, 2.0**-20],
    "three targets of many bits": on_grid(3, 2.0**-9) * 2.0 ** np.array([[0], [24]]).repeat([5, 4], axis=0),
    "a target to each tree": np.diag([1.0, 2.0, 3.0]).repeat([5, 3, 1], axis=0) * on_grid(1, 0.5),
    "nothing": np.zeros((9, 2)),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_graph_gives_the_sums_of_the_trees(check_same: Same, rows: np.ndarray, name: str) -> None:
    values = VALUES[name]
    check_same(make_trees(values, baseline=np.arange(values.shape[1]) / 7), rows)


@pytest.mark.parametrize("name", VALUES)
def test_float32_rows_are_compared_as_they_are(check_same: Same, rows: np.ndarray, name: str) -> None:
    check_same(make_trees(VALUES[name]), rows.astype(np.float32))


def test_rows_with_gaps_are_refused_where_the_teacher_refused_them(check_same: Same, rows: np.ndarray) -> None:
    model = check_same(make_trees(VALUES["one target"], allow_nan=False), np.nan_to_num(rows))
    with pytest.raises(InvalidInput, match="missing"):
        model.predict(rows)


def test_numbers_beyond_float32_are_refused(check_same: Same, rows: np.ndarray) -> None:
    model = check_same(make_trees(VALUES["one target"]), rows)
    with pytest.raises(InvalidInput, match="float32"):
        model.predict(np.full((1, 4), 1e39))


def test_infinities_go_where_the_teacher_sent_them(check_same: Same, rows: np.ndarray) -> None:
    rows[::5, 1], rows[::7, 3], rows[::11, 0] = np.inf, -np.inf, 1e39
    for values in VALUES.values():
        check_same(make_trees(values, allow_inf=True), rows)


def test_imputed_values_become_directions(check_same: Same, rows: np.ndarray) -> None:
    imputer = SimpleImputer(strategy="median").fit(rows)
    check_same(Pipeline([("impute", imputer), ("model", make_trees(VALUES["three targets"]))]), rows)


def test_columns_of_a_frame_keep_their_names(check_same: Same, rows: np.ndarray) -> None:
    names = np.array(["a", "b", "c", "d"], dtype=object)
    model = check_same(make_trees(VALUES["one target"], names=names), pd.DataFrame(rows, columns=names))
    assert [spec.name for spec in model.manifest.inputs] == ["a", "b", "c", "d"]


def test_no_tree_at_all_is_the_baseline(check_same: Same, rows: np.ndarray) -> None:
    none = np.empty(0)
    trees = TreeSum.of(
        feature=none,
        threshold=none,
        left=none,
        right=none,
        missing_left=none,
        values=np.empty((0, 2)),
        roots=none,
        baseline=[1.5, -2.0],
        width=4,
    )
    check_same(trees, rows)


def written(tmp_path: Path) -> onnx.GraphProto:
    """The graph of the artifact that was last written."""
    return onnx.load(max(tmp_path.glob("model/*/model.onnx"))).graph


def dtype_of_leaves(graph: onnx.GraphProto) -> int:
    return next(each.t.data_type for node in graph.node for each in node.attribute if each.name == "leaf_weights")


def test_sums_that_float32_holds_take_half_the_memory(check_same: Same, rows: np.ndarray, tmp_path: Path) -> None:
    check_same(make_trees(VALUES["one target of few bits"]), rows)
    assert dtype_of_leaves(written(tmp_path)) == onnx.TensorProto.FLOAT
    check_same(make_trees(VALUES["one target"]), rows)
    assert dtype_of_leaves(written(tmp_path)) == onnx.TensorProto.DOUBLE


@pytest.mark.parametrize("name", ["one target of few bits", "a target to each tree"])
def test_a_baseline_that_float32_holds_beside_the_sums_is_in_the_leaves(
    check_same: Same, rows: np.ndarray, tmp_path: Path, name: str
) -> None:
    for baseline, added in ((2.0**-10, False), (0.1, True)):
        check_same(make_trees(VALUES[name], baseline=np.full(VALUES[name].shape[1], baseline)), rows)
        assert ("Add" in [node.op_type for node in written(tmp_path).node]) == added


@pytest.mark.parametrize(("baseline", "last"), [(2.0**-10, "Cast"), (0.1, "Add")])
def test_of_several_targets_it_is_in_the_first_trees_rows_of_the_table(
    check_same: Same, rows: np.ndarray, tmp_path: Path, baseline: float, last: str
) -> None:
    check_same(make_trees(on_grid(3, 2.0**-9), baseline=np.array([baseline, -3 * baseline, 0.0])), rows)
    graph = written(tmp_path)
    assert [node.op_type for node in graph.node if "predict" in node.output] == [last]
    tables = [numpy_helper.to_array(each) for each in graph.initializer]
    assert [table.shape for table in tables if table.dtype == np.int8] == [(6, 3)]


def test_a_table_of_few_bits_is_stored_in_bytes(check_same: Same, rows: np.ndarray, tmp_path: Path) -> None:
    check_same(make_trees(VALUES["three targets of few bits"]), rows)
    tables = [numpy_helper.to_array(each) for each in written(tmp_path).initializer]
    assert [table.shape for table in tables if table.dtype == np.int8] == [(6, 3)]


def test_sparse_rows_are_read_as_dense_ones() -> None:
    trees = make_trees(VALUES["three targets"])
    rows = sparse.random_array((50, 4), density=0.4, rng=np.random.default_rng(0), format="csr")
    np.testing.assert_array_equal(trees.predict(rows), trees.predict(rows.toarray()))
