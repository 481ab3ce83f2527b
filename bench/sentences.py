"""A measurement in sentences: what was found, how it was measured, and where."""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from statistics import median

from skerry.bench.grid import printable
from skerry.bench.loads import describe, loads_of
from skerry.bench.results import HttpMeasurement, Knee, Machine, Measurement, ModelMeasurement, Ratio
from skerry.bench.units import SECONDS, chosen, number, percent, plural, size


def findings(measurement: Measurement) -> list[str]:
    """Sentences: differences that were shown, the largest first; knees; and what was not shown."""
    ordered = sorted(measurement.ratios, key=_weight, reverse=True)
    shown = [ratio.verdict for ratio in ordered if _weight(ratio) > 0]
    knees = [_knee(knee) for knee in measurement.knees] if isinstance(measurement, HttpMeasurement) else []
    return shown + knees + [ratio.verdict for ratio in ordered if _weight(ratio) <= 0]


def _weight(ratio: Ratio) -> float:
    """How large a difference that was shown is; 0 where none was, less where nothing can be said."""
    interval = ratio.interval
    if interval is None:
        return -1.0
    return 0.0 if interval.low <= 1 <= interval.high or interval.value <= 0 else abs(log(interval.value))


def _knee(knee: Knee) -> str:
    if knee.rate is None:
        return f"{printable(knee.target)}: no rate that was tried keeps p99 under {chosen(knee.p99, SECONDS)}"
    return f"{printable(knee.target)}: {number(knee.rate)} requests/s is the highest rate at which p99 stays under {chosen(knee.p99, SECONDS)}"


def machine_line(machine: Machine) -> str:
    """Where it was measured, in one line."""
    quota = f" (quota {chosen(machine.quota)})" if machine.quota is not None else ""
    load = machine.load_average
    parts = [
        machine.processor,
        plural(machine.cores, "core") + quota,
        f"{size(machine.memory)} memory",
        machine.system,
        f"load {' '.join(f'{value:.2f}' for value in load)}" if load else "",
        f"noise {percent(machine.noise)}" if machine.noise is not None else "",
        f"steal {percent(machine.steal)}" if machine.steal is not None else "",
        ", ".join(f"{name} {version}" for name, version in machine.versions.items()),
    ]
    return "; ".join(filter(None, map(printable, parts)))


def setting(measurement: Measurement) -> str:
    """How it was measured, in a sentence: what all the lines of the tables have in common."""
    if isinstance(measurement, ModelMeasurement):
        calls = sum(point.calls for point in measurement.points)
        threads = sorted({point.threads for point in measurement.points})
        return (
            f"In process, {plural(len(measurement.contenders), 'contender')}{' in turns' * (len(measurement.contenders) > 1)}, "
            f"{calls:,} timed calls on {_listed(map(str, threads))} thread{'s' * (threads != [1])}, rows that change with every call."
        )
    return _http_setting(measurement)


def _http_setting(measurement: HttpMeasurement) -> str:
    loads = loads_of(measurement.runs)
    if not loads:
        return "Over HTTP; no run was measured."
    kinds = list(dict.fromkeys(describe(load) for load in loads))
    rates = [load.rate for load in loads if load.rate is not None]
    if len(set(rates)) > 2:
        opened = [load for load in loads if load.rate is not None]
        connections = sorted({load.connections for load in opened})
        kinds = [
            *dict.fromkeys(describe(load) for load in loads if load.rate is None),
            f"open loop at {len(set(rates))} rates from {number(min(rates))} to {number(max(rates))} requests/s "
            f"({_listed(dict.fromkeys(load.arrivals or 'constant' for load in opened))} arrivals), {_listed(map(str, connections))} connections",
        ]
    fewest, rounds = (pick(len(load.runs) for load in loads) for pick in (min, max))
    turns = f", {f'{fewest} to ' * (fewest < rounds)}{plural(rounds, 'round')}" if rounds > 1 else ""
    turns += " in turns" * (rounds > 1 and len(measurement.targets) > 1)
    several = f"{plural(len(measurement.targets), 'server')}, " if len(measurement.targets) > 1 else ""
    ceiling = (
        f" The generator alone reaches {number(measurement.ceiling)} requests/s against a constant answer."
        if measurement.ceiling
        else ""
    )
    return (
        f"Over HTTP, {several}{'; '.join(kinds[:4])}{'; and others' * (len(kinds) > 4)}, "
        f"{chosen(round(median(load.duration for load in loads), 1), SECONDS)} each{turns}.{ceiling}"
    )


def _listed(parts: Iterable[str]) -> str:
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} and {last}" if most else last
