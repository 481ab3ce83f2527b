"""Pictures of servers: how latency is distributed, and what it is at which throughput."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from skerry.bench.canvas import (
    COLOURS,
    INK,
    MARKERS,
    QUIET,
    Picture,
    canvas,
    legend,
    legend_name,
    note,
    seconds_axis,
    thousands_axis,
)
from skerry.bench.histogram import percentile_curve
from skerry.bench.loads import Load, describe, labels, loads_of
from skerry.bench.results import HttpMeasurement, Knee
from skerry.bench.units import SECONDS, chosen, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = 5
"""Loads of a sweep whose distributions are drawn; more cannot be told apart."""


def latency_distribution(measurement: HttpMeasurement) -> Picture | None:
    """Latency over the share of requests that were at most as slow, on the axis of HdrHistogram's plots, 1 / (1 - share)."""
    loads = _telling(loads_of(measurement.runs), measurement.knees)
    if not loads:
        return None
    with canvas(height=3.9) as (figure, finish):
        axes = figure.subplots()
        several = len({load.target for load in loads}) > 1
        kinds = labels(loads)
        for index, (load, kind) in enumerate(zip(loads, kinds, strict=True)):
            shares, seconds = _curve(load)
            name = legend_name(load.target) if several else kind or legend_name(load.target)
            axes.plot(shares, seconds, color=COLOURS[index % len(COLOURS)], label=name)
        furthest = max(load.latency.count for load in loads if load.latency)
        _percentile_axis(axes, furthest)
        seconds_axis(axes, "y", _extent(loads))
        axes.set_xlabel("share of requests that are at most as slow")
        axes.set_ylabel("latency")
        legend(figure, axes)
        svg = finish()
    how = "from the intended start of a request" if any(load.rate is not None for load in loads) else "from sending"
    caption = (
        f"Latency ({how}) over the share of requests that were answered within it; from 90 % on, each mark leaves a tenth "
        f"as many requests to the right of it. Lower is better; a curve that rises at its end is waiting that few requests meet. "
        f"{_capital(describe(loads[0])) + '. ' if not any(labels(loads)) else ''}Errors are not in it."
    )
    return Picture("Latency distribution", caption, svg)


def _telling(loads: Sequence[Load], knees: Sequence[Knee]) -> list[Load]:
    """One load for each of several targets, the highest that all were asked and none broke under; else a few of the sweep."""
    answered = [load for load in loads if load.latency is not None]
    targets = list(dict.fromkeys(load.target for load in answered))
    if len(targets) <= 1:
        spread = np.linspace(0, len(answered) - 1, CURVES if answered else 0)
        return [answered[index] for index in np.unique(spread.round().astype(int))]
    groups: dict[tuple[float, int, str], list[Load]] = {}
    for load in answered:
        groups.setdefault((load.rate or 0, load.connections, load.arrivals or ""), []).append(load)
    shared = sorted(key for key, group in groups.items() if len(group) == len(targets))
    if not shared:
        return [next(load for load in answered if load.target == target) for target in targets]
    bound = min((knee.rate for knee in knees if knee.rate is not None), default=float("inf"))
    return groups[max((key for key in shared if key[0] <= bound), default=shared[0])]


def _curve(load: Load) -> tuple[np.ndarray, np.ndarray]:
    """``1 / (1 - share)`` and seconds, up to the one request that took longest."""
    assert load.latency is not None
    quantiles, seconds = (np.asarray(each, float) for each in percentile_curve(load.latency))
    shares = 1 / np.maximum(1 - quantiles, 1 / max(load.latency.count, 2))
    return shares, seconds


def _percentile_axis(axes: Axes, count: int) -> None:
    ticks = {
        1: "0 %",
        2: "50 %",
        10: "90 %",
        100: "99 %",
        1e3: "99.9 %",
        1e4: "99.99 %",
        1e5: "99.999 %",
        1e6: "99.9999 %",
    }
    shown = {tick: text for tick, text in ticks.items() if tick <= max(count, 10)}
    axes.set_xscale("log")
    axes.set_xlim(1, max(count, 10) * 1.1)
    axes.set_xticks(list(shown), list(shown.values()))
    axes.set_xticks([], minor=True)


def _extent(loads: Sequence[Load]) -> tuple[float, float]:
    known = [load.latency for load in loads if load.latency]
    return min(each.min for each in known), max(each.max for each in known)


def throughput_and_latency(measurement: HttpMeasurement) -> Picture | None:
    """p50 and p99 over the requests per second that were answered; knees and their bound marked. None for a single point."""
    loads = [load for load in loads_of(measurement.runs) if load.latency is not None]
    by_target = [(target, list(group)) for target, group in groupby(loads, key=lambda load: load.target)]
    if len([run for load in loads for run in load.runs]) < 2:
        return None
    is_sweep = any(len(group) > 1 for _, group in by_target)
    with canvas(height=3.9) as (figure, finish):
        axes = figure.subplots()
        for index, (target, group) in enumerate(by_target):
            (_sweep if is_sweep else _rounds)(axes, legend_name(target), group, index)
        known = [run.latency for load in loads for run in load.runs if run.latency]
        low, high = min(each.p50 for each in known), max(each.p99 for each in known)
        bounds = sorted({knee.p99 for knee in measurement.knees})
        seconds_axis(axes, "y", (min([low, *bounds]), max([high, *bounds])))
        axes.set_xlim(left=0)
        axes.set_xlim(right=axes.get_xlim()[1] * 1.02)
        thousands_axis(axes.xaxis)
        for bound in bounds:
            axes.axhline(bound, color=QUIET, linewidth=1, linestyle=(0, (1, 2)))
            note(axes, f"p99 bound {chosen(bound, SECONDS)}", (0, bound), axes.get_yaxis_transform(), "left", (4, 3))
        colours = {target: COLOURS[index % len(COLOURS)] for index, (target, _) in enumerate(by_target)}
        _knees(axes, measurement.knees, loads, colours)
        axes.set_xlabel("answered requests per second")
        axes.set_ylabel("latency")
        legend(figure, axes)
        svg = finish()
    what = (
        (
            "Each point is a load, the median of its rounds",
            "filled points and full lines are p50, hollow points and dashed lines p99",
        )
        if is_sweep
        else ("Each point is a round", "filled points are p50, hollow ones p99")
    )
    knee = (
        " The ringed point is the knee: the highest rate at which p99 stays under the bound in most rounds."
        if any(knee.rate is not None for knee in measurement.knees)
        else ""
    )
    caption = (
        f"{what[0]}: the requests per second that were answered, and the latency at which they were; {what[1]}. "
        f"Further right and lower is better.{knee}"
    )
    return Picture("Throughput against latency", caption, svg)


def _sweep(axes: Axes, name: str, loads: Sequence[Load], index: int) -> None:
    """A line through the median rounds of the rates, the single ones behind it; a closed loop stands alone."""
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    rates = [load for load in loads if load.rate is not None]
    for percentile, face, dashes in (("p50", colour, "-"), ("p99", "white", (0, (4, 2)))):
        for some, line, label in (
            (rates, dashes, f"{name}, {percentile}"),
            (_without_rate(loads), "none", f"{name}, closed loop, {percentile}"),
        ):
            if not some:
                continue
            axes.plot(
                [load.requests_per_second.value for load in some],
                _medians(some, percentile),
                color=colour,
                marker=marker if some is rates else "*",
                markersize=4.5 if some is rates else 9,
                markerfacecolor=face,
                linestyle=line,
                label=label,
            )
        tries = [run for load in rates if len(load.runs) > 1 for run in load.runs if run.latency]
        axes.plot(
            [run.requests_per_second for run in tries],
            [getattr(run.latency, percentile) for run in tries],
            color=colour,
            marker=".",
            linestyle="none",
            markersize=3.5,
            alpha=0.45,
        )


def _medians(loads: Sequence[Load], percentile: str) -> list[float]:
    """Of loads that were answered."""
    return [value for load in loads if (value := load.median_round(percentile)) is not None]


def _without_rate(loads: Sequence[Load]) -> list[Load]:
    return [load for load in loads if load.rate is None]


def _rounds(axes: Axes, name: str, loads: Sequence[Load], index: int) -> None:
    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
    runs = [run for load in loads for run in load.runs if run.latency is not None]
    for field, face in (("p50", colour), ("p99", "white")):
        axes.plot(
            [run.requests_per_second for run in runs],
            [getattr(run.latency, field) for run in runs],
            color=colour,
            marker=marker,
            markerfacecolor=face,
            linestyle="none",
            label=f"{name}, {field}",
        )


def _knees(axes: Axes, knees: Sequence[Knee], loads: Sequence[Load], colours: dict[str, str]) -> None:
    """A ring around the point of each knee, and its rate beneath."""
    for knee in knees:
        found = [load for load in loads if load.target == knee.target and load.rate == knee.rate and load.latency]
        if knee.rate is None:
            continue
        colour = colours.get(knee.target, INK)
        if found and found[0].latency:
            axes.plot(
                [found[0].requests_per_second.value],
                _medians(found[:1], "p99"),
                marker="o",
                markersize=12,
                markerfacecolor="none",
                color=colour,
                linestyle="none",
            )
        axes.axvline(knee.rate, color=colour, linewidth=1, linestyle=(0, (1, 2)))
        side, beside = ("right", -4) if knee.rate > axes.get_xlim()[1] / 4 else ("left", 4)
        note(axes, f"knee {number(knee.rate)}/s", (knee.rate, 0.02), axes.get_xaxis_transform(), side, (beside, 0))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
