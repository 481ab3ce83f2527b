"""What is written is read by Prometheus' own client library."""

from __future__ import annotations

import pytest

from skerry.runtime.observability.exposition import Family, histogram, one, write

parser = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")

ODD = 'a "quoted"\nback\\slash é'
LABELS = (("model", "iris"), ("odd", ODD))
FAMILIES = [
    Family("skerry_requests", "counter", "Requests.", [one(LABELS, 3, "counter")]),
    Family("skerry_queue_length", "gauge", "Waiting.", [one((), 2)]),
    Family("skerry_model", "info", "Models.", [one(LABELS, 1, "info")]),
    Family("skerry_seconds", "histogram", "Times.", histogram(LABELS, (1e-5, 0.1), (1, 0, 2), 7.25)),
    Family("skerry_nothing", "gauge", "No samples.", []),
]
EXPECTED = {
    ("skerry_requests_total", None): 3,
    ("skerry_queue_length", None): 2,
    ("skerry_model_info", None): 1,
    ("skerry_seconds_bucket", 1e-5): 1,
    ("skerry_seconds_bucket", 0.1): 1,
    ("skerry_seconds_bucket", float("inf")): 3,
    ("skerry_seconds_sum", None): 7.25,
    ("skerry_seconds_count", None): 3,
}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (write(FAMILIES), parser.text_string_to_metric_families),
        (write(FAMILIES, openmetrics=True), openmetrics.text_string_to_metric_families),
    ],
)
def test_families_are_read_as_they_were_meant(text: bytes, read: object) -> None:
    families = list(read(text.decode()))  # type: ignore[operator]
    samples = [sample for family in families for sample in family.samples]
    assert {
        (sample.name, float(sample.labels["le"]) if "le" in sample.labels else None): sample.value for sample in samples
    } == EXPECTED
    assert {sample.labels["odd"] for sample in samples if "odd" in sample.labels} == {ODD}
    assert [family.documentation for family in families] == ["Requests.", "Waiting.", "Models.", "Times."]


def test_openmetrics_ends_with_its_end() -> None:
    assert write([], openmetrics=True) == b"# EOF\n"
    assert write([]) == b""
