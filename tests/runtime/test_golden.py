from __future__ import annotations

import io
import warnings
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from skerry.runtime import Artifact, Model
from skerry.runtime.errors import GoldenMismatch, ManifestError
from skerry.runtime.golden import Golden, check_golden, decode_golden, differing, encode_golden
from skerry.runtime.session import Session
from skerry.runtime.tensors import MISSING


@pytest.fixture(scope="module")
def golden(passengers_artifact: Artifact) -> Golden:
    return decode_golden(passengers_artifact.read()["golden.npz"])


def archive(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def pickled() -> bytes:
    return archive(**{"input/X": np.array([{"a": 1}], dtype=object)})


def test_rows_and_answers_come_back_whole() -> None:
    feeds = {
        "FP32": np.array([[1.5, np.nan], [-0.0, np.inf]], np.float32),
        "BYTES": np.array([[""], [MISSING]], object),
    }
    answers = {"predict": np.array(["é", "long text"], object), "predict_proba": np.array([[0.25, 0.75], [1, 0]])}
    got = decode_golden(encode_golden(Golden(feeds, answers)))
    for expected, found in ((feeds, got.feeds), (answers, got.answers)):
        assert list(found) == list(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"PK\x03\x04 not a zip", pickled(), encode_golden(Golden({}, {}))[:-4]],
    ids=["empty", "garbage", "zip", "pickle", "truncated"],
)
def test_content_that_is_no_archive_of_plain_arrays_is_refused(content: bytes) -> None:
    with pytest.raises(ManifestError, match=r"^golden\.npz: not a NumPy archive of plain arrays$"):
        decode_golden(content)


def test_golden_rows_come_out_again(passengers_model: Model, golden: Golden) -> None:
    check_golden(passengers_model, golden)


def test_changed_score_is_found(passengers_model: Model, golden: Golden) -> None:
    scores = golden.answers["predict_proba"].copy()
    scores[3, 1] += 1e-3
    rows = len(scores)
    with pytest.raises(
        GoldenMismatch, match=rf"^predict_proba differs from scikit-learn's answer on 1 of {rows} golden rows"
    ):
        check_golden(passengers_model, replace(golden, answers=golden.answers | {"predict_proba": scores}))


def test_changed_label_is_found(passengers_model: Model, golden: Golden) -> None:
    labels = golden.answers["predict"].copy()
    labels[:2] = "other"
    with pytest.raises(GoldenMismatch, match=r"^predict differs from scikit-learn's answer on 2 of "):
        check_golden(passengers_model, replace(golden, answers=golden.answers | {"predict": labels}))


def test_answers_of_other_methods_are_refused(passengers_model: Model, golden: Golden) -> None:
    with pytest.raises(ManifestError, match=r"^golden\.npz: expected answers of .*, got \['predict'\]$"):
        check_golden(passengers_model, Golden(golden.feeds, {"predict": golden.answers["predict"]}))


@pytest.mark.parametrize("feeds", [{}, {"X": np.ones((3, 4))}], ids=["none", "other"])
def test_rows_of_another_model_are_refused(
    passengers_model: Model, golden: Golden, feeds: dict[str, np.ndarray]
) -> None:
    with pytest.raises(
        ManifestError, match=r"^golden\.npz: expected rows of \['BOOL', 'BYTES', 'FP64', 'INT64'\], got "
    ):
        check_golden(passengers_model, replace(golden, feeds=feeds))


def test_golden_rows_that_the_model_cannot_take_are_a_mismatch(passengers_model: Model, golden: Golden) -> None:
    feeds = golden.feeds | {"FP64": golden.feeds["FP64"][:, :1]}
    with pytest.raises(GoldenMismatch, match=r"^the golden rows are not answered: the model failed"):
        check_golden(passengers_model, replace(golden, feeds=feeds))


def test_golden_rows_that_the_model_refuses_are_a_mismatch(passengers_model: Model, golden: Golden) -> None:
    texts = golden.feeds["BYTES"].copy()
    texts[:, 1] = "no such deck"
    with pytest.raises(GoldenMismatch, match=r"^the golden rows are not answered: input 'deck' row 0: "):
        check_golden(passengers_model, replace(golden, feeds=golden.feeds | {"BYTES": texts}))


def test_scores_may_differ_by_the_artifacts_tolerance(iris_artifact: Artifact) -> None:
    golden = decode_golden(iris_artifact.read()["golden.npz"])
    parity = msgspec.structs.replace(iris_artifact.manifest.parity, tolerance=0.5)
    model = Model(
        msgspec.structs.replace(iris_artifact.manifest, parity=parity), Session(iris_artifact.read()["model.onnx"])
    )
    near = {name: array + 0.4 if array.dtype.kind == "f" else array for name, array in golden.answers.items()}
    check_golden(model, replace(golden, answers=near))


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("got", "expected", "differs"),
    [
        (1.0, 1.0, False),
        (1.0 + 1e-7, 1.0, False),
        (1.0 + 1e-5, 1.0, True),
        (1e-7, 0.0, False),
        (1e-5, 0.0, True),
        (1e9 + 100, 1e9, False),
        (1e9 + 10_000, 1e9, True),
        (NAN, NAN, False),
        (NAN, 1.0, True),
        (1.0, NAN, True),
        (INF, INF, False),
        (-INF, -INF, False),
        (-INF, INF, True),
        (1.0, INF, True),
        (1.7e308, INF, True),
        (INF, 1.7e308, True),
        (-1.7e308, 1.7e308, True),
        (-0.0, 0.0, False),
    ],
)
def test_scores_differ_beyond_a_tolerance_relative_above_one(got: float, expected: float, differs: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = differing(np.array([got, 0.0]), np.array([expected, 0.0]), tolerance=1e-6)
    assert found.tolist() == [differs, False]


@pytest.mark.parametrize(
    ("got", "expected", "differs"),
    [
        ([1, 2], [1, 3], [False, True]),
        (["a", "b"], ["a", "b "], [False, True]),
        ([True, False], [True, True], [False, True]),
        ([[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [0.5, 1.0]], [False, True]),
        ([[0.0], [1.0]], [0.0, 1.0], [True, True]),
        ([0.0], [0.0, 1.0], [True, True]),
        ([1, 0], ["1", "0"], [True, True]),
    ],
)
def test_a_row_differs_where_any_of_its_values_does(got: object, expected: object, differs: list[bool]) -> None:
    assert differing(np.array(got), np.array(expected), tolerance=1e-6).tolist() == differs
