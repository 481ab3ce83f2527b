"""A measurement has a point for each contender, row count and thread count; what was measured is never lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from skops import io as skops

from skerry.bench.in_process import measure_models, quantity
from skerry.bench.lineup import Lineup
from skerry.bench.results import Measurement, ModelMeasurement
from skerry.bench.turns import Cell
from skerry.runtime import Artifact
from skerry.runtime.errors import BenchError


def measured(lineup: Lineup, **settings: Any) -> ModelMeasurement:
    return measure_models(lineup, **{"rounds": 2, "seconds": 0.1, "processes": 0, "threads": [1], **settings})


@pytest.fixture
def saved(iris_estimator: Any, tmp_path: Path) -> Path:
    skops.dump(iris_estimator, tmp_path / "iris.skops")
    return tmp_path / "iris.skops"


def test_an_artifact_alone_has_a_point_for_each_count(iris_artifact: Artifact) -> None:
    found = measured(Lineup.of([iris_artifact.directory]), row_counts=[10, 1, 10], threads=[2, 1])
    assert [(point.contender, point.rows, point.threads) for point in found.points] == [
        ("iris/1", 1, 1),
        ("iris/1", 10, 1),
        ("iris/1", 1, 2),
        ("iris/1", 10, 2),
    ]
    for point in found.points:
        assert point.calls >= 2
        assert 0 < point.latency.low <= point.latency.value <= point.latency.high < 1
        assert point.rows_per_second == pytest.approx(point.rows / point.latency.value)
    assert (found.title, found.complete, found.ratios) == ("iris/1 in process", True, [])
    assert found.machine.noise is not None


def test_it_is_written_and_read_again(iris_artifact: Artifact) -> None:
    found = measured(Lineup.of([iris_artifact.directory]), row_counts=[1])
    assert msgspec.json.decode(msgspec.json.encode(found), type=Measurement) == found


def test_beside_its_estimator_and_the_stock_conversion(iris_artifact: Artifact, saved: Path) -> None:
    lineup = Lineup.of([iris_artifact.directory], estimator=saved)
    found = measured(lineup, row_counts=[1, 10], rounds=6, seconds=0.5, processes=1)
    assert [contender.name for contender in found.contenders] == ["iris/1", "scikit-learn", "skl2onnx"]
    for contender in found.contenders:
        assert contender.load is not None
        assert contender.first_call is not None
        assert contender.resident_memory is not None
        assert contender.file_size
    assert [(ratio.contender, ratio.baseline, ratio.quantity) for ratio in found.ratios] == [
        ("iris/1", baseline, quantity(Cell("iris/1", rows, 1)))
        for baseline in ("scikit-learn", "skl2onnx")
        for rows in (1, 10)
    ]
    assert found.title == "iris/1 in process, beside scikit-learn, skl2onnx"
    assert not [line for line in found.warnings if "differ from" in line]


def test_a_frame_with_its_estimator_from_golden_rows(
    passengers_artifact: Artifact, passengers_estimator: Any, tmp_path: Path
) -> None:
    skops.dump(passengers_estimator, tmp_path / "passengers.skops")
    lineup = Lineup.of([passengers_artifact.directory], estimator=tmp_path / "passengers.skops", stock=False)
    found = measured(lineup, row_counts=[1, 200])
    assert len(found.points) == 4
    assert not [line for line in found.warnings if "differ from" in line]
    assert any("the golden rows of passengers/1: there are 1" in line for line in found.warnings)


def test_texts_from_a_file(reviews_artifact: Artifact, reviews_rows: list[str], tmp_path: Path) -> None:
    (tmp_path / "reviews.jsonl").write_bytes(b"\n".join(map(msgspec.json.encode, reviews_rows)))
    found = measured(
        Lineup.of([reviews_artifact.directory], data=tmp_path / "reviews.jsonl"), row_counts=[1, 4], processes=1
    )
    assert [point.rows for point in found.points] == [1, 4]
    assert found.contenders[0].first_call is not None
    assert not [line for line in found.warnings if "reviews" in line]


def test_a_refused_row_names_contender_and_place(
    passengers_artifact: Artifact, passengers_rows: pd.DataFrame, tmp_path: Path
) -> None:
    rows = passengers_rows.assign(deck=passengers_rows["deck"].where(passengers_rows.index != 17, "Z"))
    rows.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(BenchError, match=r"passengers/1 does not answer the rows it was given: input 'deck' row 17: "):
        measured(Lineup.of([passengers_artifact.directory], data=tmp_path / "rows.csv"))


def test_a_row_that_is_refused_only_later_is_named_by_its_place_in_the_file(
    passengers_artifact: Artifact, passengers_rows: pd.DataFrame, tmp_path: Path
) -> None:
    many = pd.concat([passengers_rows] * 6, ignore_index=True)
    many.loc[1100, "deck"] = "Z"
    many.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(BenchError, match=r"input 'deck' row 1100: "):
        measured(Lineup.of([passengers_artifact.directory], data=tmp_path / "rows.csv"), row_counts=[1200])


def test_answers_that_differ_are_told_of(
    iris_artifact: Artifact, iris_estimator: Any, iris_rows: np.ndarray, iris_target: np.ndarray, tmp_path: Path
) -> None:
    from sklearn.base import clone

    other = clone(iris_estimator).fit(iris_rows, (iris_target + 1) % 3)
    skops.dump(other, tmp_path / "other.skops")
    lineup = Lineup.of([iris_artifact.directory], estimator=tmp_path / "other.skops", stock=False)
    [line] = [line for line in measured(lineup, row_counts=[1]).warnings if "labels" in line]
    assert line.startswith("iris/1: ")
    assert line.endswith("labels of predict differ from scikit-learn's")


def test_what_takes_too_long_is_left_out(iris_artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.bench.in_process.SHORT", 0.0)
    lineup = Lineup.of([iris_artifact.directory])
    found = measured(lineup, row_counts=[100, 10_000, 100_000], seconds=0.001)
    assert {100} <= {point.rows for point in found.points} <= {100, 10_000}
    assert any("100,000 rows, 1 thread left out, for one call would take about" in line for line in found.warnings)


def test_ctrl_c_keeps_what_was_measured(iris_artifact: Artifact) -> None:
    def stop(what: str, share: float) -> None:
        if what == "round 2 of 3":
            raise KeyboardInterrupt

    found = measured(Lineup.of([iris_artifact.directory]), row_counts=[1, 10], rounds=3, progress=stop)
    assert not found.complete
    assert [point.rows for point in found.points] == [1, 10]
    assert found.machine.noise is not None


def test_ctrl_c_before_anything_was_measured_leaves_nothing(iris_artifact: Artifact) -> None:
    def stop(what: str, share: float) -> None:
        raise KeyboardInterrupt

    found = measured(Lineup.of([iris_artifact.directory]), progress=stop)
    assert (found.complete, found.points, [contender.load for contender in found.contenders]) == (False, [], [None])


def test_progress_is_told(iris_artifact: Artifact) -> None:
    told: list[tuple[str, float]] = []
    measured(
        Lineup.of([iris_artifact.directory]), row_counts=[1], processes=1, progress=lambda *step: told.append(step)
    )
    assert [what for what, _ in told] == [
        "loading",
        "warming up",
        "round 1 of 2",
        "round 2 of 2",
        "fresh process 1 of 1",
    ]
    assert [share for _, share in told] == sorted(share for _, share in told)
