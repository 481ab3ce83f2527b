"""``Golden``: made rows and scikit-learn's answers to them, which must come out again wherever a model loads."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skerry.runtime.errors import GoldenMismatch, InferenceError, ManifestError
from skerry.runtime.feeds import Array, Feeds
from skerry.runtime.session import runtime_version

if TYPE_CHECKING:
    from skerry.runtime.model import Model


@dataclass(frozen=True)
class Golden:
    """Rows as the model is fed them (made ones, nobody's record), and the answers scikit-learn gave."""

    feeds: Feeds
    answers: dict[str, Array]


def encode_golden(golden: Golden) -> bytes:
    """golden.npz: ``input/<tensor>`` and ``output/<method>``; strings as fixed-width Unicode, no pickles."""
    arrays = {f"input/{name}": array for name, array in golden.feeds.items()}
    arrays |= {f"output/{name}": array for name, array in golden.answers.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{name: _storable(array) for name, array in arrays.items()})
    return buffer.getvalue()


def decode_golden(content: bytes) -> Golden:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: _usable(arrays[name]) for name in arrays.files}
    except Exception:  # zipfile, NumPy and zlib each have their own
        raise ManifestError("golden.npz: not a NumPy archive of plain arrays") from None
    pick = {
        part: {name[len(part) :]: array for name, array in found.items() if name.startswith(part)}
        for part in ("input/", "output/")
    }
    return Golden(pick["input/"], pick["output/"])


def _storable(array: Array) -> Array:
    return array.astype(np.str_) if array.dtype == object else array


def _usable(array: Array) -> Array:
    return array.astype(object) if array.dtype.kind == "U" else array


def check_golden(model: Model, golden: Golden) -> None:
    """The golden rows must come out again: labels equal, scores within the artifact's tolerance.

    Raises:
        GoldenMismatch: this machine, or this onnxruntime, computes something else.
    """
    methods = model.manifest.methods
    if set(golden.answers) != set(methods):
        raise ManifestError(f"golden.npz: expected answers of {sorted(methods)}, got {sorted(golden.answers)}")
    if set(golden.feeds) != model.feeds.tensors:
        raise ManifestError(f"golden.npz: expected rows of {sorted(model.feeds.tensors)}, got {sorted(golden.feeds)}")
    for method, got in zip(methods, _answers(model, golden), strict=True):
        wrong = differing(got, golden.answers[method], tolerance=model.manifest.parity.tolerance)
        if wrong.any():
            raise GoldenMismatch(
                f"{method} differs from scikit-learn's answer on {int(wrong.sum())} of {len(wrong)} golden rows with onnxruntime {runtime_version()}",
                hint="use the onnxruntime that the manifest names, or export the model again",
            )


def _answers(model: Model, golden: Golden) -> list[Array]:
    try:
        return model.answer(golden.feeds, model.manifest.methods)
    except InferenceError as error:
        raise GoldenMismatch(f"the golden rows are not answered: {error.text}") from None


def differing(got: Array, expected: Array, *, tolerance: float) -> Array:
    """Which rows differ: any label unequal, or any score further apart than ``tolerance * max(1, |expected|)``.

    Returns a mask of shape (rows,); every row where shapes or kinds differ.
    """
    rows = len(expected)
    if got.shape != expected.shape:
        return np.ones(rows, bool)
    if expected.dtype.kind == "f" and got.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.isfinite(expected) & (np.abs(got - expected) <= tolerance * np.maximum(1, np.abs(expected)))
        same = near | (got == expected) | (np.isnan(got) & np.isnan(expected))
    else:
        same = np.asarray(got == expected)
    return ~same.reshape(rows, -1).all(axis=1)
