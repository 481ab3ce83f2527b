from __future__ import annotations

import msgspec

from skerry.runtime import Model
from skerry.runtime.protocol.metadata import model_config, model_metadata, server_metadata
from skerry.runtime.provider import Placement


def test_model_metadata_names_tensors_as_the_protocol_does(iris_model: Model) -> None:
    assert msgspec.json.decode(model_metadata(iris_model.manifest, [1, 2])) == {
        "name": "iris",
        "versions": ["1", "2"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "X", "datatype": "FP64", "shape": [-1, 4]}],
        "outputs": [
            {"name": "predict", "datatype": "INT64", "shape": [-1]},
            {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
            {"name": "decision_function", "datatype": "FP64", "shape": [-1, 3]},
        ],
    }


def test_server_metadata_names_the_extensions() -> None:
    assert msgspec.json.decode(server_metadata("1.2")) == {
        "name": "skerry",
        "version": "1.2",
        "extensions": [
            "binary_tensor_data",
            "classification",
            "model_configuration",
            "model_repository",
            "schedule_policy",
            "statistics",
        ],
    }


def test_the_configuration_has_the_dimensions_of_a_row(passengers_model: Model) -> None:
    config = msgspec.json.decode(model_config(passengers_model.manifest, 64))
    assert {name: config[name] for name in ("name", "platform", "backend", "max_batch_size")} == {
        "name": "passengers",
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": 64,
    }
    assert config["input"][0] == {"name": "age", "data_type": "TYPE_FP64", "dims": [1]}
    assert config["input"][3] == {"name": "city", "data_type": "TYPE_STRING", "dims": [1]}
    assert config["output"][:2] == [
        {"name": "predict", "data_type": "TYPE_STRING", "dims": [1], "reshape": {"shape": []}},
        {"name": "predict_proba", "data_type": "TYPE_FP64", "dims": [3]},
    ]


def test_the_configuration_says_where_the_nodes_run(passengers_model: Model) -> None:
    placement = Placement({"cpu": {"Cast": 2}, "cuda": {"Gemm": 1}})
    config = msgspec.json.decode(model_config(passengers_model.manifest, 64, placement))
    assert config["instance_group"] == [{"kind": "KIND_GPU", "count": 1}]
    assert config["parameters"] == {
        "placement": {"string_value": "cuda 1 node; cpu 2 nodes (Cast 2)"},
        "nodes": {"string_value": '{"cpu":{"Cast":2},"cuda":{"Gemm":1}}'},
    }


def test_a_model_on_the_cpu_says_so(passengers_model: Model) -> None:
    config = msgspec.json.decode(model_config(passengers_model.manifest, 64, passengers_model.placement))
    assert config["instance_group"] == [{"kind": "KIND_CPU", "count": 1}]
