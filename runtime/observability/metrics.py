"""``families``: what the workers published, as metrics with Prometheus' conventions for names."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version

import msgspec

from skerry.runtime.observability.exposition import Family, Kind, Labels, Sample, histogram, one
from skerry.runtime.observability.ledger import Key
from skerry.runtime.observability.slot import Published
from skerry.runtime.observability.tally import ROWS, SECONDS, STEPS, Tally, Totals
from skerry.runtime.resources import Resources


class ModelInfo(msgspec.Struct, frozen=True):
    """What is loaded. ``load_seconds`` is how long it took, ``loaded`` when, in seconds since the epoch."""

    name: str
    version: int
    digest: str
    estimator: str
    load_seconds: float = 0.0
    loaded: float = 0.0


def families(workers: Mapping[int, Published], models: Iterable[ModelInfo]) -> list[Family]:
    """All metrics: counts are summed over ``workers`` (number → published), what they use is told of each."""
    totals = Totals()
    for published in workers.values():
        totals.add(published.totals)
    present = {number: published for number, published in workers.items() if not published.is_stale}
    return [
        *_requests(totals.tallies),
        *_runs(totals.tallies),
        *_gauges(present.values()),
        *_models(list(models)),
        *_resources({number: published.resources for number, published in present.items()}),
        Family(
            "skerry_access_log_lines_lost",
            "counter",
            "Lines of the access log that could not be written.",
            [one((), totals.lost_lines, "counter")],
        ),
    ]


def _requests(tallies: Mapping[Key, Tally]) -> list[Family]:
    requests = [
        one((*_key(key), ("status", str(status)), ("outcome", outcome)), number, "counter")
        for key, tally in tallies.items()
        for (status, outcome), number in tally.outcomes.items()
    ]
    durations = [
        sample
        for key, tally in tallies.items()
        for sample in histogram(
            _key(key),
            SECONDS,
            (tally.times[-1] + tally.failed).tolist(),
            float(tally.seconds[-1]) + tally.failed_seconds,
        )
    ]
    return [
        Family("skerry_requests", "counter", "Requests, by what became of them.", requests),
        Family("skerry_request_duration_seconds", "histogram", "From a request's headers to its answer.", durations),
        Family(
            "skerry_request_bytes",
            "counter",
            "Bytes of the bodies of requests.",
            _each(tallies, lambda tally: tally.request_bytes),
        ),
        Family(
            "skerry_response_bytes",
            "counter",
            "Bytes of the bodies of answers.",
            _each(tallies, lambda tally: tally.answer_bytes),
        ),
    ]


def _each(tallies: Mapping[Key, Tally], value: Callable[[Tally], int]) -> list[Sample]:
    return [one(_key(key), value(tally), "counter") for key, tally in tallies.items()]


def _runs(tallies: Mapping[Key, Tally]) -> list[Family]:
    """Of requests that a model answered."""
    answered = [(_key(key), tally) for key, tally in tallies.items() if key.model and tally.answered]
    steps = [
        sample
        for key, tally in answered
        for step, buckets, total in zip(STEPS, tally.times.tolist(), tally.seconds.tolist(), strict=False)
        for sample in histogram((*key, ("step", step)), SECONDS, buckets, total)
    ]
    rows = [sample for key, tally in answered for sample in histogram(key, ROWS, tally.rows.tolist(), tally.row_sum)]
    batches = [
        sample for key, tally in answered for sample in histogram(key, ROWS, tally.batches.tolist(), tally.batch_sum)
    ]
    return [
        Family("skerry_request_step_seconds", "histogram", "Steps of answered requests.", steps),
        Family("skerry_request_rows", "histogram", "Rows of answered requests.", rows),
        Family("skerry_batch_rows", "histogram", "Rows of the runs that answered them.", batches),
    ]


def _gauges(workers: Iterable[Published]) -> list[Family]:
    in_flight, queued = 0, dict[tuple[str, int], int]()
    for published in workers:
        in_flight += published.in_flight
        for model, length in published.queued.items():
            queued[model] = queued.get(model, 0) + length
    lengths = [one((("model", name), ("version", str(number))), length) for (name, number), length in queued.items()]
    return [
        Family(
            "skerry_requests_in_flight",
            "gauge",
            "Requests for inference that are being answered.",
            [one((), in_flight)],
        ),
        Family("skerry_queue_length", "gauge", "Requests that wait for their model.", lengths),
    ]


def _models(models: list[ModelInfo]) -> list[Family]:
    infos, loads, times = [], [], []
    for model in models:
        labels = (("model", model.name), ("version", str(model.version)))
        details = (*labels, ("digest", model.digest), ("estimator", model.estimator))
        infos.append(one(details, 1, "info"))
        loads.append(one(labels, model.load_seconds))
        times.append(one(labels, model.loaded))
    build = (("version", version("skerry")), ("python", platform.python_version()))
    return [
        Family("skerry_model", "info", "The models that are loaded.", infos),
        Family("skerry_model_load_seconds", "gauge", "How long it took to load and check a model.", loads),
        Family("skerry_model_loaded_timestamp_seconds", "gauge", "When a model was loaded, since the epoch.", times),
        Family("skerry_build", "info", "The server.", [one(build, 1, "info")]),
    ]


_RESOURCES: tuple[tuple[str, Kind, str, str], ...] = (
    ("process_cpu_seconds", "counter", "cpu_seconds", "Seconds of CPU time."),
    ("process_resident_memory_bytes", "gauge", "resident_bytes", "Resident memory."),
    ("process_virtual_memory_bytes", "gauge", "virtual_bytes", "Virtual memory."),
    ("process_open_fds", "gauge", "open_files", "Open file descriptors."),
    ("process_max_fds", "gauge", "max_files", "File descriptors that may be open."),
    ("process_start_time_seconds", "gauge", "started", "When the process started, since the epoch."),
)
"""Names that Prometheus' client libraries share → the field of ``Resources``."""


def _resources(workers: Mapping[int, Resources]) -> list[Family]:
    return [
        Family(
            name,
            kind,
            text,
            [
                one((("worker", str(number)),), getattr(used, field), kind)
                for number, used in sorted(workers.items())
                if getattr(used, field)
            ],
        )
        for name, kind, field, text in _RESOURCES
    ]


def _key(key: Key) -> Labels:
    return ("model", key.model), ("version", str(key.version or "")), ("operation", key.operation)
