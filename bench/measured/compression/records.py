"""What was measured, as it is kept in JSON. Times are seconds, sizes bytes; metrics are shares of 1."""

from __future__ import annotations

from pathlib import Path

import msgspec

from skerry.bench.results import Interval, Part


class Amount(Part, frozen=True):
    """What a model has learned: so many nodes, vectors or weights; ``numbers`` are all numbers it needs for that."""

    kind: str
    count: int
    numbers: int


class Side(Part, frozen=True):
    """One way to answer: the teacher's exact artifact, skl2onnx's graph of it, or the result's artifact.

    ``latency`` are medians by rows; ``memory`` is by how much a process grows that loads it.
    """

    size: int
    latency: dict[int, float]
    memory: int
    amount: Amount | None = None


class Estimate(Part, frozen=True):
    """A value, and the interval that holds the true one with 95 %."""

    value: float
    low: float
    high: float


class Quality(Part, frozen=True):
    """Of one model on unseen rows; ``loss`` is how much less it has than the teacher."""

    metric: str
    score: Estimate
    loss: Estimate


class Row(Part, frozen=True):
    """A case of the table. Without a result, ``reason`` says why there is none.

    ``ratios`` are how many times the teacher's latency the result's is, by rows; ``rows`` how many the teacher, the search
    and the judging had; ``proven`` the largest loss that the search itself holds for possible.
    """

    case: str
    family: str
    source: str
    rows: tuple[int, int, int]
    bound: float
    teacher: Side
    stock: Side | None
    teacher_quality: Quality
    result: Side | None = None
    quality: Quality | None = None
    ratios: dict[int, Interval | None] = msgspec.field(default_factory=dict)
    steps: str = ""
    seconds: float = 0.0
    reason: str = ""


FRONT = "Skerry's front"


class FrontPoint(Part, frozen=True):
    """A model of the front, or a baseline: its nodes, the bytes of its model.onnx, and how good it is on unseen rows.
    ``chosen_by`` is the metric on the rows by which models are chosen, which are others."""

    kind: str
    label: str
    nodes: int
    size: int
    chosen_by: float
    quality: Quality


class Duel(Part, frozen=True):
    """A baseline's model, and how much better the front's best is that is no larger; null where the front has none."""

    kind: str
    size: int
    front_size: int | None
    gain: Estimate | None

    @property
    def is_lost(self) -> bool:
        """The front's is worse, and not by chance; or there is none."""
        return self.gain is None or self.gain.high < 0


class Fronts(Part, frozen=True):
    """A forest set: its teacher, the points of the front and of the baselines, and their duels."""

    case: str
    source: str
    metric: str
    teacher_nodes: int
    teacher_size: int
    teacher_score: float
    points: list[FrontPoint]
    duels: list[Duel]
    seconds: float


class Trial(Part, frozen=True):
    """A search with a seed: whether something was written, and what it then loses on rows of which nobody knew: ``loss`` on as
    many as proved it, ``rows``, and ``true_loss`` on so many that little of it is chance."""

    case: str
    seed: int
    written: bool
    loss: Estimate | None = None
    true_loss: Estimate | None = None
    rows: int = 0
    shrunk: float | None = None
    reason: str = ""
    seconds: float = 0.0


class FlightsDemo(Part, frozen=True):
    """``skerry optimize`` on the demo's model, from the command line."""

    command: str
    seconds: float
    cores: int
    output: str
    teacher_size: int
    size: int
    quality: Quality
    asked: int
    differing: int
    latency: float


class Failure(Part, frozen=True):
    """What could not be measured, and why: a search that crashed."""

    part: str
    case: str
    error: str


class Measured(Part, frozen=True):
    """All that has been measured so far, and on which machine; parts are measured one by one."""

    machine: str = ""
    table: tuple[Row, ...] = ()
    fronts: tuple[Fronts, ...] = ()
    bound: tuple[Trial, ...] = ()
    flights: FlightsDemo | None = None
    failures: tuple[Failure, ...] = ()


def read(file: Path) -> Measured:
    """What has been kept; nothing, if there is no such file."""
    return msgspec.json.decode(file.read_bytes(), type=Measured) if file.is_file() else Measured()


def write(measured: Measured, file: Path) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(measured), indent=1) + b"\n")
