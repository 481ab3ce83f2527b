"""Pictures of models: latency and throughput over the rows of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from skerry.bench.canvas import (
    COLOURS,
    MARKERS,
    Picture,
    canvas,
    decades,
    error_bars,
    legend,
    legend_name,
    seconds_axis,
    thousands_axis,
)
from skerry.bench.results import Interval, Point
from skerry.bench.units import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def latency_by_rows(points: Sequence[Point]) -> Picture | None:
    """Median seconds of a call over its rows, both logarithmic, with intervals; a panel for each count of threads."""
    if not points:
        return None
    svg = _by_rows(points, "latency of a call", lambda point: point.latency, is_time=True)
    caption = (
        "Median time of one call over the rows in it, both axes logarithmic; bars are the intervals, most smaller than their "
        "points. Lower is better. Where a line is flat, the time goes to the call itself; where it rises "
        "tenfold for ten times the rows, to the rows."
    )
    return Picture("Latency by rows", caption, svg)


def rows_per_second(points: Sequence[Point]) -> Picture | None:
    """Rows per second over the rows of a call, both logarithmic; a panel for each count of threads."""
    if len({point.rows for point in points}) < 2:
        return None

    def rate(point: Point) -> Interval:
        latency = point.latency
        return Interval(value=point.rows_per_second, low=point.rows / latency.high, high=point.rows / latency.low)

    svg = _by_rows(points, "rows per second", rate, is_time=False)
    return Picture(
        "Throughput by rows",
        "Rows that are answered per second over the rows in a call, both axes logarithmic. Higher is better; where a "
        "line flattens, larger batches gain nothing more.",
        svg,
    )


def _by_rows(points: Sequence[Point], label: str, pick: Callable[[Point], Interval], *, is_time: bool) -> str:
    threads = sorted({point.threads for point in points})
    contenders = list(dict.fromkeys(point.contender for point in points))
    across = min(len(threads), 2)
    down = -(-len(threads) // across)
    with canvas(height=0.6 + 3.1 * down) as (figure, finish):
        panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat
        values = [interval for point in points for interval in (pick(point).low, pick(point).high)]
        for axes, count in zip(panels, threads, strict=False):
            for index, contender in enumerate(contenders):
                _line(axes, [p for p in points if (p.contender, p.threads) == (contender, count)], pick, index)
            if len(threads) > 1:
                axes.set_title(plural(count, "thread"))
            axes.set_xscale("log")
            _rows_axis(axes, sorted({point.rows for point in points}))
            if is_time:
                seconds_axis(axes, "y", (min(values), max(values)), is_log=True)
            else:
                axes.set_yscale("log")
                axes.set_ylim(*decades(min(values), max(values)))
                thousands_axis(axes.yaxis)
            axes.set_xlabel("rows in a call")
        for axes in list(panels)[len(threads) :]:
            axes.set_visible(False)
        figure.axes[0].set_ylabel(label)
        legend(figure, figure.axes[0])
        return finish()


def _line(axes: Axes, points: Sequence[Point], pick: Callable[[Point], Interval], index: int) -> None:
    if not points:
        return
    ordered = sorted(points, key=lambda point: point.rows)
    picked = [pick(point) for point in ordered]
    axes.errorbar(
        [point.rows for point in ordered],
        [interval.value for interval in picked],
        yerr=error_bars(picked),
        color=COLOURS[index % len(COLOURS)],
        marker=MARKERS[index % len(MARKERS)],
        elinewidth=1.2,
        capsize=2.5,
        label=legend_name(ordered[0].contender),
    )


def _rows_axis(axes: Axes, rows: Sequence[int]) -> None:
    """A tick for each count of rows that was measured; of many, every so many."""
    shown = rows[:: -(-len(rows) // 8)]
    axes.set_xlim(rows[0] / 1.5, rows[-1] * 1.5)
    axes.set_xticks(shown, [f"{count:,}" for count in shown])
    axes.set_xticks([], minor=True)
