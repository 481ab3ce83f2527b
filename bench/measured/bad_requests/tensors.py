"""Tensors of an inference request: name, shape, datatype, values, parameters and outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from skerry.bench.measured.bad_requests.bodies import Literally, tensors, write_json
from skerry.bench.measured.bad_requests.case import Case, infer_path
from skerry.bench.measured.bad_requests.draws import BOOLEANS, Draw, pick
from skerry.bench.measured.bad_requests.samples import Samples
from skerry.bench.measured.bad_requests.values import wrong_of
from skerry.bench.measured.border_models import DATATYPES, NUMBERS, OPTIONAL, PEOPLE, WIDTH

NO_SHAPES: tuple[Any, ...] = (
    [], [-1, 4], [2**31, 4], [2**63, 4], [2**64, 4], [7.0, 4], ["1", 4], [True, 4], [[1, 4]], None, "1,4", {}, 4, [0], [-1],
    [1, 1, 4], [4, 1, 1], [10**30], Literally("[1,4"), [1, 3], [1, 5], [99999, 4], [1_000_001, 4], [7], [7, 2], [1, 0], [0, 0],
)  # fmt: skip
NO_DATATYPES: tuple[Any, ...] = (
    "FP16", "BF16", "fp64", "FLOAT", "DOUBLE", "", "UINT8", "FP640", 1, None, True, ["FP64"], "INT",
)  # fmt: skip
NO_NAMES: tuple[Any, ...] = ("", "Y", "x", "X ", 1, None, True, ["X"], "X" * 5000, "\x00", "АГЕ", "__proto__")
NO_TENSORS: tuple[Any, ...] = (None, {}, "X", 1, [], [None], [1], ["X"], [{}], [[]], {"X": []})
NO_PARAMETERS: tuple[Any, ...] = (
    {"binary_data_output": 1}, {"binary_data_output": "true"}, {"timeout": -1}, {"timeout": "5"}, {"timeout": 1.5},
    {"priority": -1}, {"priority": True}, {"sequence_id": 1}, {"sequence_start": True}, {"triton_x": 1}, {"headers": "a"},
    [], 1, "a", {"a": {}}, {"a": [1]}, {"a": None}, {"shared_memory_region": "r"}, {"timeout": 2**70},
)  # fmt: skip
NO_OUTPUTS: tuple[Any, ...] = (
    [{"name": "predict"}, {"name": "predict"}], [{"name": "Predict"}], [{}], [1], "predict", {"name": "predict"}, [None],
    [{"name": "predict_proba", "parameters": {"classification": 0}}], [{"name": ""}], [{"name": "predict", "shape": [1]}],
    [{"name": "predict_proba", "parameters": {"classification": 99}}], [{"name": 1}], [["predict"]],
    [{"name": "predict_proba", "parameters": {"classification": "2"}}], [{"name": "predict", "parameters": {"binary_data": 1}}],
    [{"name": "predict", "parameters": {"classification": 1}}], [{"name": "predict", "parameters": {"shared_memory_region": "r"}}],
)  # fmt: skip
NO_IDS: tuple[Any, ...] = (5, "a b", "x" * 129, "a\nb", ["a"], True, {}, "é")


def good_tensors(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    document = tensors(model, rows, nested=draw(BOOLEANS))
    document |= pick(
        draw, ({}, {"id": "a-1"}, {"outputs": [{"name": "predict_proba"}]}, {"parameters": {"content_type": "x"}})
    )
    content = json.dumps(document, indent=pick(draw, (None, 1)), ensure_ascii=draw(BOOLEANS)).encode()
    return Case("JSON", "good", infer_path(model), content)


def _tensor_case(draw: Draw, samples: Samples, change: Callable[[str, dict[str, Any], dict[str, Any]], None]) -> Case:
    """A request of which ``change`` spoils something; it is given the model, the document and one of its tensors."""
    model, rows = samples.draw(draw)
    document = tensors(model, rows, nested=draw(BOOLEANS))
    change(model, document, pick(draw, document["inputs"]))
    return Case("tensors", "bad", infer_path(model), write_json(document))


def wrong_value(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        data = tensor["data"]
        place = draw(st.integers(0, len(data) - 1))
        wrong = Literally(pick(draw, wrong_of(tensor["name"], tensor["datatype"])))
        if isinstance(data[place], list):
            data[place][draw(st.integers(0, len(data[place]) - 1))] = wrong
        else:
            data[place] = wrong

    return _tensor_case(draw, samples, change)


def wrong_shape(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        right = ([tensor["shape"][0], WIDTH],) if model == NUMBERS else ([tensor["shape"][0]], [tensor["shape"][0], 1])
        tensor["shape"] = pick(draw, [shape for shape in NO_SHAPES if shape not in right])

    return _tensor_case(draw, samples, change)


def wrong_datatype(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        others = [datatype for datatype in DATATYPES.values() if datatype not in (tensor["datatype"], "INT64")]
        tensor["datatype"] = pick(draw, [one for one in (*NO_DATATYPES, *others) if not _may_be(one, tensor)])

    return _tensor_case(draw, samples, change)


def _may_be(datatype: Any, tensor: Mapping[str, Any]) -> bool:
    """Small integers are integers of 64 bits; and JSON's integers numbers of any datatype."""
    return datatype == "UINT8" and tensor["datatype"] in ("INT64", "FP64")


def wrong_name(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        tensor["name"] = pick(draw, NO_NAMES)

    return _tensor_case(draw, samples, change)


def wrong_tensors(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        inputs = document["inputs"]
        changes: tuple[Callable[[], object], ...] = (
            lambda: inputs.append(deepcopy(tensor)),
            lambda: inputs.append({**deepcopy(tensor), "name": "more"}),
            lambda: inputs.remove(tensor),
            lambda: document.update(inputs=pick(draw, NO_TENSORS)),
            lambda: document.pop("inputs"),
        )
        pick(draw, changes)()

    return _tensor_case(draw, samples, change)


def wrong_keys(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        changes: tuple[Callable[[], object], ...] = (
            lambda: tensor.pop(pick(draw, ("name", "shape", "datatype", "data"))),
            lambda: tensor.update({pick(draw, ("dtype", "Name", "content", "")): 1}),
            lambda: document.update({pick(draw, ("input", "Inputs", "model", "X", "")): 1}),
            lambda: tensor.update(data=pick(draw, (None, {}, "1", 1.5, True, [[]], [None]))),
        )
        pick(draw, changes)()

    return _spoilt(draw, samples, change, [None])


def _spoilt(draw: Draw, samples: Samples, change: Any, unless: Sequence[Any]) -> Case:
    """Where one missing value was all that there was, ``[null]`` is no fault."""
    model, rows = samples.draw(draw)
    document = tensors(model, rows, nested=draw(BOOLEANS))
    tensor = pick(draw, document["inputs"])
    change(model, document, tensor)
    fine = tensor.get("data") == unless and tensor.get("name") in OPTIONAL and len(rows) == 1
    return Case("tensors", "either" if fine else "bad", infer_path(model), write_json(document))


def wrong_count(draw: Draw, samples: Samples) -> Case:
    def change(model: str, document: dict[str, Any], tensor: dict[str, Any]) -> None:
        data = tensor["data"]
        inner = pick(draw, [part for part in data if isinstance(part, list)] or [data])
        changed = pick(draw, (inner, data))
        changed.append(deepcopy(changed[0])) if draw(BOOLEANS) else changed.pop()

    return _tensor_case(draw, samples, change)


def wrong_rows_of_one(draw: Draw, samples: Samples) -> Case:
    """One column of another length than the others."""
    _, rows = samples.draw(draw, PEOPLE)
    document = tensors(PEOPLE, rows)
    tensor = pick(draw, document["inputs"])
    tensor["data"] = tensor["data"] + tensor["data"][:1]
    tensor["shape"] = [len(rows) + 1]
    return Case("tensors", "bad", infer_path(PEOPLE), write_json(document))


def wrong_parts(draw: Draw, samples: Samples) -> Case:
    model, rows = samples.draw(draw)
    document = tensors(model, rows)
    key, values = pick(
        draw, (("parameters", NO_PARAMETERS), ("outputs", NO_OUTPUTS), ("id", NO_IDS), ("model_name", NO_NAMES))
    )
    value = pick(draw, values)
    document[key] = value
    return Case("tensors", "either" if value is None else "bad", infer_path(model), write_json(document))
