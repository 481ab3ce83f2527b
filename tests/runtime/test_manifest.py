from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skerry.runtime.artifact import Artifact
from skerry.runtime.errors import ManifestError, UnsupportedFormat
from skerry.runtime.manifest import (
    FORMAT,
    Agreement,
    Derivation,
    Loss,
    Manifest,
    decode_manifest,
    encode_manifest,
)


@pytest.fixture(scope="module")
def manifest(passengers_artifact: Artifact) -> Manifest:
    return passengers_artifact.manifest


@pytest.fixture
def fields(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain JSON values, to be changed."""
    return msgspec.json.decode(encode_manifest(manifest))


def decode(fields: dict[str, Any]) -> Manifest:
    return decode_manifest(msgspec.json.encode(fields), where="manifest.json")


def test_a_manifest_comes_back_whole(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest), where="manifest.json") == manifest


def test_it_is_indented_for_a_person(manifest: Manifest) -> None:
    text = encode_manifest(manifest).decode()
    assert text.startswith(f'{{\n  "format": {FORMAT},\n  "name": "passengers",\n  "version": 1,\n')
    assert text.endswith("}\n")


def test_methods_are_the_names_of_the_outputs(manifest: Manifest) -> None:
    assert manifest.methods == ("predict", "predict_proba", "decision_function")
    assert manifest.output("predict_proba").shape == (-1, 3)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param((), id="manifest"),
        pytest.param(("inputs", 0), id="input"),
        pytest.param(("guards", 0), id="guard"),
        pytest.param(("files", "model.onnx"), id="file"),
        pytest.param(("parity",), id="parity"),
        pytest.param(("steps", 0), id="step"),
        pytest.param(("cost", 0), id="cost"),
    ],
)
def test_unknown_field_is_an_error_in_every_part(fields: dict[str, Any], place: tuple[Any, ...]) -> None:
    part: Any = fields
    for key in place:
        part = part[key]
    part["surprise"] = 1
    with pytest.raises(ManifestError, match="unknown field `surprise`"):
        decode(fields)


def test_every_field_is_required(fields: dict[str, Any]) -> None:
    for name in list(fields):
        with pytest.raises(ManifestError, match=f"missing required field `{name}`"):
            decode({field: value for field, value in fields.items() if field != name})


@pytest.mark.parametrize("found", [0, FORMAT - 1, FORMAT + 1, 99])
def test_another_format_is_refused_before_anything_else_is_read(found: int) -> None:
    with pytest.raises(UnsupportedFormat, match=f"^here: expected format {FORMAT}, got {found}$"):
        decode_manifest(msgspec.json.encode({"format": found, "a field of that format": 1}), where="here")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"format": "1"}',
        b'{"format": 1.0}',
        b'{"format": 1',
        b'{"format": NaN}',
        b'{"format": 3, "name": "\xff"}',
        b'\xef\xbb\xbf{"format": 3}',
        b'{"format": 3, "name": ' + b"[" * 100_000,
    ],
    ids=["empty", "null", "list", "object", "text", "float", "truncated", "NaN", "UTF-8", "BOM", "deep"],
)
def test_content_that_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestError, match=r"^here: "):
        decode_manifest(content, where="here")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"encoding": "gzip"}, "Invalid enum value 'gzip'"),
        ({"size": -1}, "Expected `int` >= 0"),
        ({"encoding": "zstd", "unpacked": 2**31}, "Expected `int` <= 2147483647"),
        ({"unpacked": 1}, "bytes unpacked, as it is not encoded, got 1"),
    ],
    ids=str,
)
def test_a_file_says_how_it_lies_there(fields: dict[str, Any], changed: dict[str, Any], reason: str) -> None:
    fields["files"]["model.onnx"] |= changed
    with pytest.raises(ManifestError, match=reason):
        decode(fields)


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "/abs", "Upper", ".hidden", "-x", "é", "a b", "a\n", "x" * 65, "a\x00"]
)
def test_name_that_cannot_be_a_directory_and_a_url_is_refused(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(ManifestError, match="name: expected "):
        decode(fields | {"name": name})


@pytest.mark.parametrize("name", ["a", "0", "x" * 64, "a..b", "flights-2013_v1.2"])
def test_name_of_lower_case_letters_digits_and_marks_is_accepted(fields: dict[str, Any], name: str) -> None:
    assert decode(fields | {"name": name}).name == name


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"version": 0}, "version: expected a positive integer, got 0"),
        ({"version": -1}, "version: expected a positive integer, got -1"),
        ({"version": "1"}, r"Expected `int`, got `str` - at `\$\.version`"),
        ({"inputs": []}, "expected at least one input and one output"),
        ({"outputs": []}, "expected at least one input and one output"),
        ({"task": "guessing"}, "Invalid enum value 'guessing'"),
        ({"layout": "tree"}, "Invalid enum value 'tree'"),
        ({"layout": "matrix"}, "inputs: expected one with layout 'matrix', got 6"),
        ({"classes": [None]}, r"got `null` - at `\$\.classes\[0\]`"),
    ],
)
def test_wrong_value_is_refused(fields: dict[str, Any], changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(ManifestError, match=expected):
        decode(fields | changed)


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_tensor_named_twice_is_refused(fields: dict[str, Any], part: str) -> None:
    fields[part].append(fields[part][0])
    with pytest.raises(ManifestError, match=f"{part}: expected distinct names"):
        decode(fields)


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        ("matrix", [-1]),
        ("matrix", [-1, -1]),
        ("matrix", [-1, 0]),
        ("matrix", [-1, 2, 2]),
        ("vector", [-1, 1]),
        ("columns", [-1]),
    ],
)
def test_shape_that_does_not_fit_the_layout_is_refused(fields: dict[str, Any], layout: str, shape: list[int]) -> None:
    inputs = [{"name": "X", "datatype": "FP64", "shape": shape}]
    with pytest.raises(ManifestError, match=f"does not fit layout '{layout}'"):
        decode(fields | {"layout": layout, "inputs": inputs})


TEXT = {
    "kind": "text",
    "input": "X",
    "keys": "keys",
    "values": "values",
    "hashing": None,
    "width": 3,
    "analyzer": "word",
    "lowercase": True,
    "strip_accents": None,
    "token_pattern": r"\\w+",
    "ngram_range": [1, 2],
    "stop_words": [],
}
RECORD = {
    **{name: TEXT[name] for name in ("input", "keys", "values", "width")},
    "kind": "record",
    "hashing": {"n_features": 8, "alternate_sign": True},
    "form": "dict",
    "separator": "=",
    "lists": False,
}


@pytest.mark.parametrize(("layout", "extractor"), [("vector", TEXT), ("records", RECORD)], ids=["texts", "records"])
def test_an_extractor_is_read(fields: dict[str, Any], layout: str, extractor: dict[str, Any]) -> None:
    inputs = [{"name": "X", "datatype": "BYTES", "shape": [-1]}]
    manifest = decode(fields | {"layout": layout, "inputs": inputs, "extractors": [extractor]})
    assert manifest.extractors[0].keys == "keys"


@pytest.mark.parametrize(
    ("layout", "extractors", "expected"),
    [
        ("vector", [TEXT | {"kind": "code"}], "Invalid value 'code'"),
        ("vector", [TEXT | {"input": "Y"}], "'Y' is no input that can be read so"),
        ("vector", [RECORD], "'X' is no input that can be read so"),
        ("records", [TEXT], "'X' is no input that can be read so"),
        ("records", [], "expected records of one form"),
        ("records", [RECORD, RECORD | {"keys": "k", "values": "v", "form": "pair"}], "expected records of one form"),
        ("vector", [TEXT, TEXT], "expected distinct tensors"),
        ("vector", [TEXT | {"width": -1}], "expected a width of 0 or more"),
        ("vector", [TEXT | {"ngram_range": [0, 1]}], "Expected `int` >= 1"),
        ("records", [RECORD | {"hashing": {"n_features": 0, "alternate_sign": True}}], "Expected `int` >= 1"),
        ("records", [RECORD | {"hashing": {"n_features": 2**31, "alternate_sign": True}}], "Expected `int` <= 2147483647"),
        ("records", [RECORD | {"form": "set"}], "Invalid enum value 'set'"),
    ],
)  # fmt: skip
def test_a_wrong_extractor_is_refused(
    fields: dict[str, Any], layout: str, extractors: list[dict[str, Any]], expected: str
) -> None:
    inputs = [{"name": "X", "datatype": "BYTES", "shape": [-1]}]
    with pytest.raises(ManifestError, match=expected):
        decode(fields | {"layout": layout, "inputs": inputs, "extractors": extractors})


@pytest.fixture
def derived(manifest: Manifest) -> Manifest:
    """A manifest of a model that was made smaller."""
    loss = Loss(
        metric="accuracy",
        rows=500,
        teacher=0.9,
        result=0.895,
        loss=0.005,
        low=0.002,
        high=0.008,
        fresh=0.01,
        confidence=0.95,
        bound=0.01,
    )
    agreement = Agreement(rows=500, labels=0.99, mean_error=0.01, max_error=0.2)
    made = Derivation(teacher="SVC", teacher_size=10, agreement=agreement, loss=loss)
    return msgspec.structs.replace(manifest, parent="sha256:00", derivation=made)


def test_a_derivation_comes_back_whole(derived: Manifest) -> None:
    assert decode_manifest(encode_manifest(derived), where="manifest.json") == derived


@pytest.mark.parametrize("place", [("derivation",), ("derivation", "agreement"), ("derivation", "loss")])
def test_a_derivation_has_every_field_and_no_other(derived: Manifest, place: tuple[str, ...]) -> None:
    fields = msgspec.json.decode(encode_manifest(derived))
    part = fields
    for key in place:
        part = part[key]
    for name in list(part):
        value = part.pop(name)
        with pytest.raises(ManifestError, match=f"missing required field `{name}`"):
            decode(fields)
        part[name] = value
    part["surprise"] = 1
    with pytest.raises(ManifestError, match="unknown field `surprise`"):
        decode(fields)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [("agreement", "labels", 1.5), ("agreement", "rows", 0), ("loss", "rows", 0), ("loss", "confidence", 95.0)],
)
def test_a_derivation_out_of_range_is_refused(derived: Manifest, part: str, field: str, value: float) -> None:
    fields = msgspec.json.decode(encode_manifest(derived))
    fields["derivation"][part][field] = value
    with pytest.raises(ManifestError, match=rf"\$.derivation.{part}.{field}"):
        decode(fields)
