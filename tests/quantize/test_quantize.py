"""``quantize``: a new version that is smaller or faster and says what it lost, or a refusal with the numbers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skerry.export import export
from skerry.quantize.quantize import quantize
from skerry.runtime import load
from skerry.runtime.artifact import Artifact, versions
from skerry.runtime.errors import InvalidInput, NoGain

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 40))
CLASSES = np.array(["low", "middle", "high"])[(X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int) + (X[:, 3] > 0)]
ROWS = RANDOM.normal(size=(300, 40))


@pytest.fixture(autouse=True)
def _time_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.quantize.graphs.gain.SECONDS", 0.05)


@pytest.fixture(scope="module")
def perceptron(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    estimator = make_pipeline(StandardScaler(), MLPClassifier((150, 120), max_iter=10, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(X, CLASSES)
    return export(estimator, X, name="perceptron", to=tmp_path_factory.mktemp("models"))


def size(artifact: Artifact) -> int:
    return artifact.manifest.files["model.onnx"].unpacked


@pytest.mark.parametrize(("kind", "times", "error"), [("float32", 1.9, 1e-5), ("float16", 3.6, 1e-2), ("int8", 6, 0.1)])
def test_a_perceptron_becomes_so_many_times_smaller(
    kind: str, times: float, error: float, perceptron: Artifact, tmp_path: Path
) -> None:
    child = quantize(perceptron, ROWS, kind=kind, to=tmp_path)  # type: ignore[arg-type]
    assert size(child) * times < size(perceptron)
    parent, model = load(perceptron), load(child.directory)
    assert model.predict_proba(ROWS).dtype == parent.predict_proba(ROWS).dtype
    assert np.abs(model.predict_proba(ROWS) - parent.predict_proba(ROWS)).max() < error
    assert np.mean(model.predict(ROWS) == parent.predict(ROWS)) > 0.97


def test_the_manifest_has_the_lineage_and_the_price(perceptron: Artifact, tmp_path: Path) -> None:
    child = quantize(perceptron, ROWS, RANDOM.choice(CLASSES, 300), kind="float16", to=tmp_path, name="smaller")
    manifest = child.manifest
    assert (manifest.name, manifest.parent) == ("smaller", perceptron.digest)
    assert [step.arrow for step in manifest.steps] == ["export", "quantize"]
    assert manifest.steps[-1].detail["constants"] == "float16"
    assert f"{size(child):,} bytes instead of {size(perceptron):,}" in manifest.steps[-1].detail["measured"]
    assert manifest.derivation is not None
    agreement = manifest.derivation.agreement
    labels = load(perceptron).predict(ROWS) == load(child.directory).predict(ROWS)
    assert (agreement.rows, agreement.labels) == (300, labels.mean())
    assert agreement.max_error is not None
    assert 0 < agreement.max_error < 0.01
    assert manifest.evaluation is not None


def test_left_to_itself_it_takes_the_shortest_that_keeps_the_limits(perceptron: Artifact, tmp_path: Path) -> None:
    tight = quantize(perceptron, ROWS, max_error=1e-4, to=tmp_path)
    loose = quantize(perceptron, ROWS, min_agreement=0.9, to=tmp_path)
    assert size(loose) < size(tight) < size(perceptron)
    assert np.abs(load(tight.directory).predict_proba(ROWS) - load(perceptron).predict_proba(ROWS)).max() <= 1.5e-4


def test_without_rows_it_is_judged_by_golden_ones(perceptron: Artifact, tmp_path: Path) -> None:
    assert size(quantize(perceptron.directory, kind="float32", to=tmp_path)) < 0.6 * size(perceptron)


def test_support_vectors_that_are_whole_numbers_lose_nothing_but_bytes(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 17, (300, 40)).astype(float)
    parent = export(SVC().fit(pixels, CLASSES[:300]), pixels, name="pixels", to=tmp_path)
    child = quantize(parent, kind="lossless", to=tmp_path)
    assert (child.manifest.version, size(child) * 2.5 < size(parent)) == (2, True)
    got, expected = (load(each.directory).decision_function(pixels) for each in (child, parent))
    np.testing.assert_array_equal(got, expected)


def test_what_brings_nothing_is_refused_with_the_numbers(tmp_path: Path) -> None:
    forest = RandomForestClassifier(5, random_state=0).fit(X.astype(np.float32), CLASSES)
    parent = export(forest, X.astype(np.float32), name="forest", to=tmp_path)
    with pytest.raises(NoGain, match=rf"no gain: [\d,]+ bytes instead of {size(parent):,}, .* for 1,000 rows"):
        quantize(parent, kind="lossless", to=tmp_path)
    with pytest.raises(NoGain, match="no product with a float32 matrix"):
        quantize(parent, kind="int8-arithmetic", to=tmp_path)
    assert versions(tmp_path / "forest") == [1]


def test_what_differs_more_than_allowed_is_refused_with_the_numbers(perceptron: Artifact, tmp_path: Path) -> None:
    with pytest.raises(
        NoGain, match=r"expected scores within 1e-09, got 150 rows, .* of the labels the same, scores off"
    ):
        quantize(perceptron, ROWS, kind="int8", max_error=1e-9, to=tmp_path)
    with pytest.raises(NoGain, match=r"expected 100\.10% of the labels"):
        quantize(perceptron, ROWS, kind="float32", min_agreement=1.001, to=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_longer_the_same_model_is_refused_without_being_asked(tmp_path: Path) -> None:
    """Variances from 1 to 1e-9 of the largest: 256 levels make most of them 0."""
    scaled = X * np.logspace(0, 4, 40)
    parent = export(GaussianNB().fit(scaled, CLASSES), scaled, name="bayes", to=tmp_path)
    with pytest.raises(NoGain, match=r"expected 99\.00% of the labels, got 200 rows"):
        quantize(parent, scaled, kind="int8", to=tmp_path)


def test_rows_that_the_parent_refuses_are_refused(perceptron: Artifact, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"number|NaN|missing"):
        quantize(perceptron, np.where(np.arange(40) == 3, np.nan, ROWS), to=tmp_path)


def test_a_regression_keeps_one_percent_of_its_deviation(tmp_path: Path) -> None:
    wide = RANDOM.normal(size=(500, 300))
    parent = export(Ridge().fit(wide, wide[:, :4] @ np.eye(4) * 100), wide, name="wide", to=tmp_path)
    child = quantize(parent, wide, to=tmp_path)
    off = load(child.directory).predict(wide) - load(parent).predict(wide)
    assert size(child) * 3 < size(parent)
    assert np.abs(off).mean() < 0.01 * load(parent).predict(wide).std()
