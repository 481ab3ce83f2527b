"""``pictures``: what there is to see of a measurement, each picture as SVG text."""

from __future__ import annotations

from collections.abc import Iterator

from skerry.bench.canvas import Picture
from skerry.bench.model_plots import latency_by_rows, rows_per_second
from skerry.bench.ratio_plot import ratios
from skerry.bench.results import HttpMeasurement, Measurement, ModelMeasurement
from skerry.bench.server_plots import latency_distribution, throughput_and_latency


def pictures(measurement: Measurement) -> list[Picture]:
    """What there is to see of ``measurement``, the main picture first; none if there is nothing to draw."""
    drawn = _model_pictures(measurement) if isinstance(measurement, ModelMeasurement) else _http_pictures(measurement)
    return [picture for picture in drawn if picture is not None]


def _model_pictures(measurement: ModelMeasurement) -> Iterator[Picture | None]:
    yield latency_by_rows(measurement.points)
    yield rows_per_second(measurement.points)
    yield ratios(measurement.ratios)


def _http_pictures(measurement: HttpMeasurement) -> Iterator[Picture | None]:
    distribution = latency_distribution(measurement)
    throughput = throughput_and_latency(measurement)
    yield from (throughput, distribution) if measurement.knees else (distribution, throughput)
    yield ratios(measurement.ratios)
