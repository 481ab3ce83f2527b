"""Models of rows that are no table, and one that no estimator is needed for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from skerry.export import export
from skerry.runtime import Artifact, Model, load
from skerry.runtime.session import Session
from skerry.runtime.tensors import TensorSpec


@pytest.fixture(scope="session")
def reciprocal_model(iris_artifact: Artifact) -> Model:
    """Layout matrix of one FP64 column that may be NaN: transform is [[x, 1 / x]], which is infinite for 0."""
    x = helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["rows", 1])
    y = helper.make_tensor_value_info("transform", TensorProto.DOUBLE, ["rows", 2])
    nodes = [
        helper.make_node("Reciprocal", ["X"], ["r"]),
        helper.make_node("Concat", ["X", "r"], ["transform"], axis=1),
    ]
    graph = helper.make_graph(nodes, "reciprocal", [x], [y])
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    manifest = msgspec.structs.replace(
        iris_artifact.manifest,
        name="reciprocal",
        task="transformation",
        inputs=(TensorSpec(name="X", datatype="FP64", shape=(-1, 1), missing=True),),
        outputs=(TensorSpec(name="transform", datatype="FP64", shape=(-1, 2)),),
        guards=(),
        classes=None,
    )
    return Model(manifest, Session(content))


@pytest.fixture(scope="session")
def records_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Layout records: ``price`` is 10 in Oslo, 20 elsewhere, and twice that from 50 m² on."""
    homes = [{"city": city, "size": size} for city in ("Oslo", "Bergen") for size in range(0, 100, 5)]
    prices = [(10.0 if home["city"] == "Oslo" else 20.0) * (1 + (home["size"] >= 50)) for home in homes]  # type: ignore[operator]
    estimator = make_pipeline(DictVectorizer(), DecisionTreeRegressor()).fit(homes, prices)
    return load(export(estimator, homes, name="homes", to=tmp_path_factory.mktemp("repository")))


@pytest.fixture(scope="session")
def pairs_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Layout records, which are lists of pairs: transform gives their columns by hash."""
    rows = [[("a", 1.0), ("b", 2.0)], [("c", "d")]]
    return load(
        export(FeatureHasher(4, input_type="pair"), rows, name="pairs", to=tmp_path_factory.mktemp("repository"))
    )


@pytest.fixture(scope="session")
def vector_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Layout vector of FP64: predict is x / 2 from 0 to 10, and stays there."""
    x = np.arange(11.0)
    estimator = IsotonicRegression(out_of_bounds="clip").fit(x, x / 2)
    return load(export(estimator, x, name="half", to=tmp_path_factory.mktemp("repository")))


@pytest.fixture(scope="session")
def steps_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository with ``steps`` in versions 1, 2 and 3, layout matrix: predict is x + 1000 * version. To be copied."""
    repository = tmp_path_factory.mktemp("steps")
    x = np.arange(20.0)[:, None]
    for version in (1, 2, 3):
        export(LinearRegression().fit(x, x[:, 0] + 1000 * version), x, name="steps", to=repository)
    return repository
