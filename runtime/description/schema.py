"""JSON Schemas of what a model takes and gives: JSON Schema 2020-12, which OpenAPI 3.1 has for its own.

A schema says everything that it can of types, ranges and widths. What none can say, such as that data has as many values
as its shape, is told by the errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from skerry.runtime.limits import Limits
from skerry.runtime.manifest import Manifest, RecordExtractor, form_of
from skerry.runtime.protocol.classification import count_scores
from skerry.runtime.protocol.columns import FIELDS, ExtraColumns
from skerry.runtime.protocol.inputs import datatypes_of
from skerry.runtime.tensors import BEYOND_SINGLE, DTYPES, TensorSpec

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "pattern": "^[^\\u0000\\ufdd0]*$"}
"""``tensors.is_usable``, as far as a pattern can say it."""
MOST_LABELS = 32
"""Up to so many classes are listed."""

_KINDS = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "O": "string"}
"""Kind of a NumPy dtype → type of JSON."""
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}


def value_schema(spec: TensorSpec) -> Schema:
    """One value of an input: its type, its range, and whether null stands for a missing one."""
    dtype = DTYPES[spec.datatype]
    schema: Schema = {"type": _KINDS[dtype.kind]}
    if dtype.kind == "O":
        schema = dict(TEXT)
    elif spec.is_integer:
        limits = np.iinfo(dtype)
        schema |= {"minimum": int(limits.min), "maximum": int(limits.max)}
    elif spec.is_float and (spec.single or spec.datatype == "FP32"):
        schema |= {"exclusiveMinimum": -BEYOND_SINGLE, "exclusiveMaximum": BEYOND_SINGLE}
    if spec.missing and dtype.kind in "fO":
        schema["type"] = [schema["type"], "null"]
    return schema


def row_schema(manifest: Manifest) -> Schema:
    """One row as a list of values in the order of the inputs, a value, or a record."""
    if manifest.layout == "records":
        return record_schema(manifest)
    value = value_schema(manifest.inputs[0])
    if manifest.layout == "vector":
        return value
    if manifest.layout == "matrix":
        return _list_of(value, manifest.inputs[0].shape[1])
    return _tuple_of([{"title": spec.name} | value_schema(spec) for spec in manifest.inputs])


def record_schema(manifest: Manifest, extra: ExtraColumns = "refuse") -> Schema:
    """One row as an object with a field for each input; or what a model of records takes."""
    if manifest.layout != "records":
        properties = {spec.name: value_schema(spec) for spec in manifest.inputs}
        return _object(properties, required=list(properties), others=extra == "ignore")
    value: Schema = _SCALAR
    if any(isinstance(extractor, RecordExtractor) and extractor.lists for extractor in manifest.extractors):
        value = {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, {"type": "array", "items": TEXT}]}
    return {
        "dict": {"type": "object", "propertyNames": TEXT, "additionalProperties": value},
        "pair": {"type": "array", "items": _tuple_of([TEXT, value])},
        "string": {"type": "array", "items": TEXT},
    }[form_of(manifest.extractors)]


def predict_schema(manifest: Manifest, fields: Sequence[str], extra: ExtraColumns, limits: Limits) -> Schema:
    """The body of ``/predict`` in JSON: rows in one of ``fields``, and the outputs that are asked for."""
    row, record = row_schema(manifest), record_schema(manifest, extra)
    forms = {"X": row, "records": record, "dataframe_records": record, "instances": row}
    if manifest.layout == "columns":
        forms["instances"] = {"anyOf": [row, record]}
    rows: dict[str, Schema] = {
        name: _array(form, at_most=limits.max_rows) for name, form in forms.items() if name in fields
    }
    rows["dataframe_split"] = _split_schema(manifest, extra, limits)
    outputs = _array({"enum": list(manifest.methods)}) | {"uniqueItems": True, "default": list(manifest.methods[:1])}
    return _object(rows | {"outputs": outputs}) | {"oneOf": [{"required": [name]} for name in rows]}


def predicted_schema(manifest: Manifest) -> Schema:
    """The answer of ``/predict`` in JSON: a field for each output that was asked for."""
    answers = {FIELDS.get(spec.name, spec.name): _array(_answer(manifest, spec)) for spec in manifest.outputs}
    predictions = _array({}) | {"description": "In place of the others, for who sent instances or a dataframe."}
    named: dict[str, Schema] = {"model": {"const": manifest.name}, "version": {"type": "integer"}}
    return _object(answers | {"predictions": predictions} | named, required=list(named))


def inference_schema(manifest: Manifest, matrix: TensorSpec | None, limits: Limits) -> Schema:
    """The body of ``infer``: a tensor for each input, or the one ``matrix`` of all of them."""
    is_column = manifest.layout == "columns"
    tensors = [_tensor(spec, limits, is_column=is_column) for spec in manifest.inputs]
    inputs = _array(_any_of(tensors), at_least=len(tensors), at_most=len(tensors))
    if matrix is not None and is_column:
        inputs = _any_of([inputs, _array(_tensor(matrix, limits), at_most=1)])
    outputs = _array(_any_of([_wanted(manifest, spec) for spec in manifest.outputs]), at_least=0)
    properties: dict[str, Schema] = {
        "id": {"type": "string", "pattern": "^[A-Za-z0-9._:/+=@-]{0,128}$"},
        "model_name": {"const": manifest.name},
        "parameters": _parameters(
            timeout={"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "description": "Microseconds."},
            priority={"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "description": "Lower goes first."},
            binary_data_output={"type": "boolean"},
        ),
        "inputs": inputs,
        "outputs": outputs | {"maxItems": len(manifest.outputs)},
    }
    return _object(properties, required=["inputs"])


def inferred_schema(manifest: Manifest) -> Schema:
    """The answer of ``infer`` in JSON; of a binary output the data is behind it."""
    outputs = [
        _object(
            {
                "name": {"const": spec.name},
                "datatype": {"enum": sorted({spec.datatype, "BYTES"})},
                "shape": _array({"type": "integer", "minimum": 0}),
                "parameters": _parameters(binary_data_size={"type": "integer", "minimum": 0}),
                "data": {"type": "array", "items": _any_of([_answered(spec), {"type": "string"}])},
            },
            required=["name", "datatype", "shape"],
        )
        for spec in manifest.outputs
    ]
    properties: dict[str, Schema] = {
        "model_name": {"const": manifest.name},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": _array(_any_of(outputs)),
    }
    return _object(properties, required=["model_name", "model_version", "outputs"])


def _split_schema(manifest: Manifest, extra: ExtraColumns, limits: Limits) -> Schema:
    """A frame as pandas' ``to_dict("split")`` has it: columns are found by name, in any order, where they have one."""
    width = len(manifest.inputs) if manifest.layout == "columns" else prod(manifest.inputs[0].shape[1:])
    columns = _list_of({"type": ["string", "integer"]}, width) | {"uniqueItems": True}
    data = _list_of({}, width)
    if manifest.layout == "columns":
        columns["items"] = {"enum": [spec.name for spec in manifest.inputs]}
        if extra == "ignore":
            columns, data = _array({"type": ["string", "integer"]}, at_least=width), _array({}, at_least=width)
    properties = {"columns": columns, "data": _array(data, at_most=limits.max_rows), "index": {"type": "array"}}
    return _object(properties, required=["columns", "data"])


def _tensor(spec: TensorSpec, limits: Limits, *, is_column: bool = False) -> Schema:
    """A tensor that feeds ``spec``; its data is flat, nested, or behind the JSON."""
    rows = {"type": "integer", "minimum": 1, "maximum": limits.max_rows}
    shape = _tuple_of([rows, *({"const": size} for size in spec.shape[1:])])
    if prod(spec.shape[1:]) == 1:
        shape = _tuple_of([rows, {"const": 1}]) | {"minItems": 1}
    value = value_schema(spec)
    row = _list_of(value, prod(spec.shape[1:]))
    schema = _object(
        {
            "name": {"const": spec.name},
            "shape": shape,
            "datatype": {"enum": [spec.datatype, *(name for name in datatypes_of(spec) if name != spec.datatype)]},
            "data": {"anyOf": [_array(value), _array(row)]},
            "parameters": _parameters(binary_data_size={"type": "integer", "minimum": 0}),
        },
        required=["name", "shape", "datatype"],
    )
    return schema | {"anyOf": [{"required": ["data"]}, {"required": ["parameters"]}]}


def _wanted(manifest: Manifest, spec: TensorSpec) -> Schema:
    parameters: dict[str, Schema] = {"binary_data": {"type": "boolean"}}
    if scores := count_scores(manifest, spec.name):
        parameters["classification"] = {"type": "integer", "minimum": 1, "maximum": scores}
    return _object({"name": {"const": spec.name}, "parameters": _parameters(**parameters)}, required=["name"])


def _answer(manifest: Manifest, spec: TensorSpec) -> Schema:
    """The answer to one row."""
    value = _answered(spec)
    if len(spec.shape) == 1:
        classes = manifest.classes if spec.name == "predict" and manifest.task == "classification" else None
        listed = classes is not None and len(classes) <= MOST_LABELS and not isinstance(classes[0], tuple)
        return {"enum": list(classes)} if classes is not None and listed else value
    return _list_of(value, spec.shape[1]) if spec.shape[1] >= 0 else {"type": "array", "items": value}


def _answered(spec: TensorSpec) -> Schema:
    return {"type": _KINDS[DTYPES[spec.datatype].kind]}


def _parameters(**known: Schema) -> Schema:
    """Others than those known are for other servers."""
    return _object(known, others={"type": ["string", "number", "boolean"]})


def _object(properties: dict[str, Schema], *, required: Sequence[str] = (), others: bool | Schema = False) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": others}
    return schema | {"required": list(required)} if required else schema


def _array(items: Schema, *, at_least: int = 1, at_most: int | None = None) -> Schema:
    schema: Schema = {"type": "array", "items": items, "minItems": at_least}
    return schema if at_most is None else schema | {"maxItems": at_most}


def _list_of(value: Schema, width: int) -> Schema:
    """A list of ``width`` values."""
    return _array(value, at_least=width, at_most=width)


def _tuple_of(values: Sequence[Schema]) -> Schema:
    """A list with a schema for each of its values."""
    fixed = {"minItems": len(values), "maxItems": len(values)}
    return {"type": "array", "prefixItems": list(values), "items": False} | fixed


def _any_of(schemas: Sequence[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
