"""``Measurement``: what was measured, as it is written to JSON. Times are seconds, sizes bytes, rates per second.

    Measurement
    ├─ ModelMeasurement     models called in process: contenders, a point for each count of rows and threads
    └─ HttpMeasurement      servers over HTTP: targets, a run for each load

A measurement that was broken off says so: ``complete`` is false, and ``warnings`` say why.
"""

from __future__ import annotations

import msgspec

FORMAT = 1


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a measurement; immutable."""


class Interval(Part, frozen=True):
    """A median or ratio, and the interval that holds its true value with ``confidence``."""

    value: float
    low: float
    high: float
    confidence: float = 0.95


class Latency(Part, frozen=True):
    """A latency distribution in seconds; ``histogram`` is an HdrHistogram of nanoseconds (V2, compressed, base64)."""

    count: int
    mean: float
    min: float
    p50: float
    p90: float
    p99: float
    p99_9: float
    max: float
    histogram: str


class Machine(Part, frozen=True):
    """Where it was measured, and how busy that machine was. ``noise`` is how much longer than at best the same work
    took at its 90th percentile, from 0; ``steal`` the share of processor time the host took away; ``switches`` how often
    a second that work was interrupted for another process."""

    processor: str
    cores: int
    quota: float | None
    memory: int
    system: str
    versions: dict[str, str]
    load_average: tuple[float, float, float] | None
    governor: str | None = None
    turbo: bool | None = None
    noise: float | None = None
    steal: float | None = None
    switches: float | None = None


class Ratio(Part, frozen=True):
    """How many times the ``baseline``'s ``quantity`` that of ``contender`` is, from paired rounds; ``interval`` is absent
    when there are too few to say. ``verdict`` is the sentence for people."""

    quantity: str
    contender: str
    baseline: str
    rounds: int
    interval: Interval | None
    verdict: str


class Contender(Part, frozen=True):
    """What was called. ``load`` is seconds to a ready session, ``first_call`` what the first call took (both over fresh
    processes), ``resident_memory`` what loading it added to a process, ``file_size`` what is stored."""

    name: str
    description: str
    load: Interval | None
    first_call: Interval | None
    resident_memory: int | None
    file_size: int | None


class Point(Part, frozen=True):
    """Median seconds of one call of ``rows`` changing rows on ``threads`` threads, after the warm-up."""

    contender: str
    rows: int
    threads: int
    calls: int
    latency: Interval
    rows_per_second: float


class Target(Part, frozen=True):
    """Where requests go and what they are: ``protocol`` is predict, infer, infer-binary, body or get; ``body_size``
    the mean."""

    name: str
    url: str
    protocol: str
    rows: int | None
    body_size: int
    description: str = ""


class ServerUse(Part, frozen=True):
    """What the server's processes used during a run: ``cores`` is processor seconds per second."""

    processes: int
    cores: float
    resident_memory: int


class GeneratorUse(Part, frozen=True):
    """What the generator used: ``cores`` per process at most 1; ``lateness`` how late requests of an open loop were sent
    although a connection was free (seconds, 99th percentile). An open loop waits for the next start awake, so that there
    ``cores`` says nothing and ``lateness`` says whether the generator kept up."""

    processes: int
    cores: float
    lateness: float | None = None


class Run(Part, frozen=True):
    """One load on one target. Latency counts from the intended start where there is a ``rate``, else from sending.

    ``requests`` were answered and right; everything else is in ``errors`` by kind and in no percentile. ``verified``
    of them were compared with the expected answers, None if none were given. ``server_timing`` has the server's own
    account, by name of its steps; ``examples`` the first text of each kind of error. ``duration`` is how long requests
    were sent; the rates count the wait for the last answer too.
    """

    target: str
    connections: int
    rate: float | None
    arrivals: str | None
    duration: float
    round: int
    requests: int
    requests_per_second: float
    rows_per_second: float | None
    latency: Latency | None
    errors: dict[str, int]
    verified: int | None
    generator: GeneratorUse
    server: ServerUse | None = None
    server_timing: dict[str, Latency] = {}
    examples: dict[str, str] = {}
    complete: bool = True


class Knee(Part, frozen=True):
    """The highest rate at which the 99th percentile stayed under ``p99`` in most of two or three tries; None if no rate that
    was tried did."""

    target: str
    p99: float
    rate: float | None


class ModelMeasurement(Part, frozen=True, tag_field="kind", tag="model"):
    """Models called in process, in turns."""

    title: str
    created: str
    machine: Machine
    contenders: list[Contender]
    points: list[Point]
    ratios: list[Ratio] = []
    warnings: list[str] = []
    complete: bool = True
    format: int = FORMAT


class HttpMeasurement(Part, frozen=True, tag_field="kind", tag="http"):
    """Servers over HTTP. ``ceiling`` is what the generator reaches against a constant answer, in requests per second."""

    title: str
    created: str
    machine: Machine
    targets: list[Target]
    ceiling: float | None
    runs: list[Run]
    knees: list[Knee] = []
    ratios: list[Ratio] = []
    warnings: list[str] = []
    complete: bool = True
    format: int = FORMAT


Measurement = ModelMeasurement | HttpMeasurement
