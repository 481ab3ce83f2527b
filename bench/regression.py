"""Whether a step has become slower: its time as a ratio to a fixed piece of work beside it, against ratios noted before.

Seconds say nothing on a machine shared with others. What slows a step and the fixed work alike leaves their ratio as it is,
and what interrupts one of them misses the shortest of many rounds. The ratio still differs between processors, and a
little between processes, where code and data come to lie elsewhere: so a baseline holds the ratios of several processes,
and how far these lie apart counts in what may be chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec
import numpy as np

from skerry.bench.intervals import Numbers, ratio_interval
from skerry.bench.results import Interval, Machine, Part
from skerry.runtime.whole import written_whole

GROUPS = 10
"""Rounds are dealt to as many groups in turn; the shortest of each group is one sample."""
CONFIDENCE = 0.99
LEAST = 0.1
"""No change below this is named: the same code has been seen to move by 0.07 on a busy machine, with a bound of 0.08."""
LEAST_ELSEWHERE = 0.25
"""The same where processor or Python are not those of the baseline."""

TOO_WIDE = 0.3
"""Where chance alone may be more than this, "as before" would say too much."""


class Baseline(Part, frozen=True):
    """The ratios of each step, one from each process that noted them, and where that was."""

    processor: str
    python: str
    ratios: dict[str, list[float]]


@dataclass(frozen=True)
class Timing:
    """The seconds of one call of a step, and its ratio to the fixed work."""

    step: str
    seconds: float
    ratio: Interval


@dataclass(frozen=True)
class Change:
    """What the ratio is more (or less, below 0) than ``before``, as a share, and up to where that may be chance."""

    before: float
    share: float
    bound: float

    @property
    def word(self) -> str:
        if abs(self.share) <= self.bound:
            return "as before" if self.bound <= TOO_WIDE else "too noisy to say"
        return f"{'slower' if self.share > 0 else 'faster'} by {_percent(abs(self.share))}"


def timing(step: str, seconds: Numbers, beside: Numbers) -> Timing:
    """``seconds`` of a call in each round, and of the fixed work ``beside``; many times ``GROUPS`` of both.

    Each group takes every tenth round, so all of them span the whole time, and a slow moment is in none of the shortest.
    """
    shortest = [
        np.min(times[: len(times) // GROUPS * GROUPS].reshape(-1, GROUPS), axis=0) for times in (seconds, beside)
    ]
    ratio = ratio_interval(np.log(shortest[0] / shortest[1]), CONFIDENCE)
    assert ratio is not None  # ten groups are enough for 0.99
    return Timing(step=step, seconds=float(np.min(seconds)), ratio=ratio)


def change(now: Interval, before: list[float], *, least: float = LEAST) -> Change:
    """``now`` against the ratios of several processes: how far these lie apart, and how wide ``now`` is, may be chance."""
    usual = median(before)
    near = sorted(before, key=lambda ratio: abs(ratio - usual))[: max(1, len(before) - 1)]  # one may have gone wrong
    chance = max(near) / min(near) - 1 + now.high / now.low - 1
    return Change(before=usual, share=now.value / usual - 1, bound=max(least, chance))


def read_baseline(file: Path) -> Baseline | None:
    """None if there is none."""
    return msgspec.json.decode(file.read_bytes(), type=Baseline) if file.exists() else None


def write_baseline(baseline: Baseline, file: Path) -> None:
    content = msgspec.json.format(msgspec.json.encode(baseline, order="sorted"), indent=2) + b"\n"
    with written_whole(file) as partial:
        partial.write_bytes(content)


def noted(baseline: Baseline | None, timings: Iterable[Timing], machine: Machine) -> Baseline:
    """``baseline``, or a new one, with what this process measured."""
    baseline = baseline or Baseline(processor=machine.processor, python=_minor(machine), ratios={})
    more = {timing.step: [*baseline.ratios.get(timing.step, []), _rounded(timing.ratio.value)] for timing in timings}
    return msgspec.structs.replace(baseline, ratios=baseline.ratios | more)


def table(timings: Iterable[Timing], baseline: Baseline | None, machine: Machine) -> str:
    """A line for each step: the shortest time of a call, the ratio now and in the baseline, the change, and its word."""
    ratios: Mapping[str, list[float]] = baseline.ratios if baseline else {}
    at_home = baseline is None or (baseline.processor, baseline.python) == (machine.processor, _minor(machine))
    least = LEAST if at_home else LEAST_ELSEWHERE
    lines = [f"{'step':28} {'one call':>10} {'ratio':>9} {'baseline':>9} {'change':>8} {'chance':>7}"]
    lines += [_line(timing, ratios.get(timing.step), least) for timing in timings]
    if baseline and not at_home:
        lines.append(f"the baseline is of {baseline.processor}, Python {baseline.python}, where ratios are others")
    return "\n".join(lines)


def _line(timing: Timing, before: list[float] | None, least: float) -> str:
    head = f"{timing.step:28} {timing.seconds * 1e6:7.1f} µs {timing.ratio.value:9.4g}"
    if not before:
        return f"{head} {'':26}   not in the baseline"
    found = change(timing.ratio, before, least=least)
    return f"{head} {found.before:9.4g} {_percent(found.share, '+'):>8} {_percent(found.bound):>7}   {found.word}"


def _minor(machine: Machine) -> str:
    """The Python of a machine without its patch release, which changes no speeds: "3.11"."""
    return ".".join(machine.versions["python"].split(".")[:2])


def _rounded(ratio: float) -> float:
    return float(f"{ratio:.4g}")


def _percent(share: float, sign: str = "") -> str:
    return f"{share:{sign}.0%}".replace("%", " %")
