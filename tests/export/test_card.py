"""The card tells a person what the manifest says, all of it, in tables that hold."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skerry.export import export
from skerry.export.card import write_card
from skerry.runtime.manifest import Manifest, WorstRow


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["age", "pay | month"])
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, np.where(frame["age"] > 0, "yes", "no"))
    y = np.where(frame["age"] > 0, "yes", "no")
    return export(fitted, frame, y, name="card", to=tmp_path, license="MIT", author="Ada").manifest


def test_the_card_begins_with_what_the_model_is(manifest: Manifest) -> None:
    card = write_card(manifest)
    assert card.startswith("# card, version 1\n\nClassification by `Pipeline(StandardScaler, LogisticRegression)`")
    for fact in ("- Classes: no, yes", "- Licence: MIT", "- Author: Ada", "- Made with: skerry "):
        assert fact in card


def test_the_card_lies_beside_the_model(manifest: Manifest, tmp_path: Path) -> None:
    assert (tmp_path / "card" / "1" / "card.md").read_text() == write_card(manifest)


def test_inputs_and_outputs_are_tables(manifest: Manifest) -> None:
    card = write_card(manifest)
    assert "| `age` | FP64 | [-1, 1] | refused | refused |" in card
    assert "| predict | BYTES | [-1] |" in card
    assert "| predict_proba | FP64 | [-1, 2] |" in card


def test_a_bar_in_a_name_does_not_break_the_table(manifest: Manifest) -> None:
    assert r"| `pay \| month` | FP64 |" in write_card(manifest)


def test_every_table_has_as_many_cells_in_each_line(manifest: Manifest) -> None:
    for block in write_card(manifest).split("\n\n"):
        lines = [line for line in block.split("\n") if line.startswith("|")]
        assert len({line.replace(r"\|", "").count("|") for line in lines}) <= 1


def test_parity_and_evaluation_are_told_in_numbers(manifest: Manifest) -> None:
    card = write_card(manifest)
    assert f"{manifest.parity.rows:,} rows compared, {manifest.parity.made:,} of them made to break the model" in card
    assert "rows whose label or refusal differs: 0" in card
    assert manifest.evaluation is not None
    for name, value in manifest.evaluation.metrics.items():
        assert f"| {name} | {value:.4f} |" in card


def test_the_rows_furthest_off_are_shown(manifest: Manifest) -> None:
    worst = WorstRow(method="predict_proba", kind="age = nan", error=1e-9, row={"age": "nan", "pay": "'a|b\nc'"})
    card = write_card(
        msgspec.structs.replace(manifest, parity=msgspec.structs.replace(manifest.parity, worst=(worst,)))
    )
    assert r"| predict_proba | age = nan | 1e-09 | age=nan, pay='a\|b c' |" in card


def test_what_is_not_known_is_said_to_be_unknown(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(30, 2))
    card = write_card(export(LinearRegression().fit(X, X[:, 0]), X, name="bare", to=tmp_path).manifest)
    assert "Not evaluated: no target was given." in card
    assert "- Licence: not stated" in card
    assert "- Author: not stated" in card
    assert "- Classes" not in card
