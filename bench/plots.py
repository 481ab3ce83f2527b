"""Pictures of a measurement, each as SVG text.

    Measurement ─▶ pictures ─▶ Picture(title, caption, svg)

Text stays text, in the font of whoever looks at it; every picture is black on white, also in print.
matplotlib is imported when a picture is drawn, and its state is left as it was.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from skerry.bench.histogram import percentile_curve
from skerry.bench.loads import Load, describe, labels, loads_of
from skerry.bench.results import HttpMeasurement, Interval, Knee, Measurement, ModelMeasurement, Point, Ratio
from skerry.bench.tables import printable, short
from skerry.bench.units import SECONDS, amount, chosen, number, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#4f9fd1", "#000000")
"""M. Okabe and K. Ito, Color Universal Design, 2008; their yellow and orange darkened, to be seen on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, QUIET, GRID = "#1f2328", "#59636e", "#e3e6ea"
WIDTH = 7.6
"""Inches; 72 points each."""
CURVES = 5
"""Loads of a sweep whose distributions are drawn; more cannot be told apart."""
NAME = 44
"""Characters of a name in a legend."""
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "skerry",  # the same measurement gives the same picture
    "text.parse_math": False,  # a $ in a name is a $
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.edgecolor": "#9aa4af",
    "axes.labelcolor": QUIET,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": "#9aa4af",
    "ytick.color": "#9aa4af",
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "lines.solid_capstyle": "round",
}
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"


@dataclass(frozen=True)
class Picture:
    """``svg`` is a whole element without a declaration; ``caption`` says what the axes are and how to read it."""

    title: str
    caption: str
    svg: str


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


# Servers


def latency_distribution(measurement: HttpMeasurement) -> Picture | None:
    """Latency over the share of requests that were at most as slow, on the axis of HdrHistogram's plots, 1 / (1 - share)."""
    loads = _telling(loads_of(measurement.runs), measurement.knees)
    if not loads:
        return None
    with _canvas(height=3.9) as (figure, finish):
        axes = figure.subplots()
        several = len({load.target for load in loads}) > 1
        kinds = labels(loads)
        for index, (load, kind) in enumerate(zip(loads, kinds, strict=True)):
            shares, seconds = _curve(load)
            name = _name(load.target) if several else kind or _name(load.target)
            axes.plot(shares, seconds, color=COLOURS[index % len(COLOURS)], label=name)
        furthest = max(load.latency.count for load in loads if load.latency)
        _percentile_axis(axes, furthest)
        _seconds_axis(axes, "y", _extent(loads))
        axes.set_xlabel("share of requests that are at most as slow")
        axes.set_ylabel("latency")
        _legend(figure, axes)
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
    with _canvas(height=3.9) as (figure, finish):
        axes = figure.subplots()
        for index, (target, group) in enumerate(by_target):
            (_sweep if is_sweep else _rounds)(axes, _name(target), group, index)
        known = [run.latency for load in loads for run in load.runs if run.latency]
        low, high = min(each.p50 for each in known), max(each.p99 for each in known)
        bounds = sorted({knee.p99 for knee in measurement.knees})
        _seconds_axis(axes, "y", (min([low, *bounds]), max([high, *bounds])))
        axes.set_xlim(left=0)
        axes.set_xlim(right=axes.get_xlim()[1] * 1.02)
        _thousands(axes.xaxis)
        for bound in bounds:
            axes.axhline(bound, color=QUIET, linewidth=1, linestyle=(0, (1, 2)))
            _note(axes, f"p99 bound {chosen(bound, SECONDS)}", (0, bound), axes.get_yaxis_transform(), "left", (4, 3))
        colours = {target: COLOURS[index % len(COLOURS)] for index, (target, _) in enumerate(by_target)}
        _knees(axes, measurement.knees, loads, colours)
        axes.set_xlabel("answered requests per second")
        axes.set_ylabel("latency")
        _legend(figure, axes)
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
        _note(axes, f"knee {number(knee.rate)}/s", (knee.rate, 0.02), axes.get_xaxis_transform(), side, (beside, 0))


# Models


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
    with _canvas(height=0.6 + 3.1 * down) as (figure, finish):
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
                _seconds_axis(axes, "y", (min(values), max(values)), is_log=True)
            else:
                axes.set_yscale("log")
                axes.set_ylim(*_decades(min(values), max(values)))
                _thousands(axes.yaxis)
            axes.set_xlabel("rows in a call")
        for axes in list(panels)[len(threads) :]:
            axes.set_visible(False)
        figure.axes[0].set_ylabel(label)
        _legend(figure, figure.axes[0])
        return finish()


def _line(axes: Axes, points: Sequence[Point], pick: Callable[[Point], Interval], index: int) -> None:
    if not points:
        return
    ordered = sorted(points, key=lambda point: point.rows)
    picked = [pick(point) for point in ordered]
    axes.errorbar(
        [point.rows for point in ordered],
        [interval.value for interval in picked],
        yerr=_bars(picked),
        color=COLOURS[index % len(COLOURS)],
        marker=MARKERS[index % len(MARKERS)],
        elinewidth=1.2,
        capsize=2.5,
        label=_name(ordered[0].contender),
    )


def _bars(intervals: Sequence[Interval]) -> np.ndarray:
    """Lengths below and above, (2, intervals); none is negative, whatever rounding did."""
    sides = [(each.value - each.low, each.high - each.value) for each in intervals]
    return np.maximum(np.array(sides).T, 0)


# Ratios


def ratios(all_of: Sequence[Ratio]) -> Picture | None:
    """Ratios as points with their intervals, and the line at 1; a panel for each quantity. None if there is no ratio."""
    known = [ratio for ratio in all_of if ratio.interval is not None and ratio.interval.low > 0]
    if not known:
        return None
    panels, by_quantity = _panels(known)
    contenders = list(dict.fromkeys(ratio.contender for ratio in known))
    height = 0.55 + sum(0.55 + 0.26 * len(panel) for panel in panels)
    with _canvas(height=height) as (figure, finish):
        heights = [0.5 + len(panel) for panel in panels]
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        lowest = min(ratio.interval.low for ratio in known if ratio.interval)
        highest = max(ratio.interval.high for ratio in known if ratio.interval)
        for axes, panel in zip(rows, panels, strict=True):
            _dots(axes, panel, contenders, by_quantity=by_quantity)
        _ratio_axis(rows[-1], lowest, highest)
        baselines = {ratio.baseline for ratio in known}
        whose = _name(next(iter(baselines))) + "'s" if len(baselines) == 1 else "the baseline's"
        rows[-1].set_xlabel(f"times {whose} (logarithmic)")
        svg = finish()
    caption = (
        "How many times the baseline's value each contender has, and the interval of the true ratio; the line is 1, where both "
        "are the same. A hollow point is one whose interval holds 1: no difference shown."
    )
    return Picture("Comparison", caption, svg)


def _panels(ratios: Sequence[Ratio]) -> tuple[list[list[Ratio]], bool]:
    """Ratios of one quantity together, or of one contender, whichever makes fewer panels; and whether by quantity."""
    quantities = list(dict.fromkeys(ratio.quantity for ratio in ratios))
    contenders = list(dict.fromkeys(ratio.contender for ratio in ratios))
    if len(quantities) <= max(len(contenders), 3):
        return [[ratio for ratio in ratios if ratio.quantity == quantity] for quantity in quantities], True
    return [[ratio for ratio in ratios if ratio.contender == contender] for contender in contenders], False


def _dots(axes: Axes, panel: Sequence[Ratio], contenders: Sequence[str], *, by_quantity: bool) -> None:
    """A line for each ratio, named for what the panel's ratios do not have in common."""
    axes.set_xscale("log")
    axes.axvline(1, color=INK, linewidth=1)
    for row, ratio in enumerate(panel):
        interval = ratio.interval
        assert interval is not None
        colour = COLOURS[(contenders.index(ratio.contender) + 1) % len(COLOURS)]
        shown = not interval.low <= 1 <= interval.high
        axes.errorbar(
            [interval.value],
            [row],
            xerr=_bars([interval]),
            marker="o",
            markersize=5,
            markerfacecolor=colour if shown else "white",
            color=colour,
            elinewidth=1.6,
            capsize=3,
        )
        beside = axes.get_yaxis_transform()
        axes.text(1.015, row, amount(interval), transform=beside, va="center", fontsize=8.5)
    axes.set_yticks(
        range(len(panel)), [_name(ratio.contender if by_quantity else ratio.quantity, 34) for ratio in panel]
    )
    axes.set_ylim(len(panel) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_title(f"{_name(panel[0].quantity if by_quantity else panel[0].contender, 80)}{_better(panel)}", fontsize=9)


def _better(panel: Sequence[Ratio]) -> str:
    """Which side is the good one, where all of the panel agree."""
    sides = {"per second" in ratio.quantity for ratio in panel}
    return "" if len(sides) > 1 else " (more is better)" if sides == {True} else " (less is better)"


def _ratio_axis(axes: Axes, lowest: float, highest: float) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = min(lowest, 1) / 1.15, max(highest, 1) * 1.15
    axes.set_xlim(low, high)
    subs = (
        (1.0,)
        if high / low > 300
        else (1.0, 2.0, 5.0)
        if high / low > 4
        else tuple(np.arange(1, 10, 0.5 if high / low > 2 else 0.1))
    )
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))


# Axes


def _seconds_axis(axes: Axes, which: str, extent: tuple[float, float], is_log: bool | None = None) -> None:
    """Logarithmic where the values span more than a factor of six, else from 0."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    low, high = extent
    is_log = high > 6 * max(low, 1e-9) if is_log is None else is_log
    axis = axes.yaxis if which == "y" else axes.xaxis
    set_scale, set_limits = (axes.set_yscale, axes.set_ylim) if which == "y" else (axes.set_xscale, axes.set_xlim)
    if is_log:
        bottom, top = _decades(max(low, 1e-9), high)
        set_scale("log")
        set_limits(bottom, top)
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if top / bottom < 2_000 else (1,), numticks=15))
        axis.set_minor_locator(NullLocator())
    else:
        set_limits(0, high * 1.12)
        axis.set_major_locator(MaxNLocator(6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: chosen(value, SECONDS) if value else "0"))


def _decades(low: float, high: float) -> tuple[float, float]:
    """A little air around the values; at least a factor of four, so that a single point has an axis."""
    middle = (low * high) ** 0.5
    return min(low / 1.3, middle / 2), max(high * 1.3, middle * 2)


def _rows_axis(axes: Axes, rows: Sequence[int]) -> None:
    """A tick for each count of rows that was measured; of many, every so many."""
    shown = rows[:: -(-len(rows) // 8)]
    axes.set_xlim(rows[0] / 1.5, rows[-1] * 1.5)
    axes.set_xticks(shown, [f"{count:,}" for count in shown])
    axes.set_xticks([], minor=True)


def _thousands(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:.3g}"))


def _note(axes: Axes, text: str, where: tuple[float, float], within: Any, side: str, offset: tuple[int, int]) -> None:
    axes.annotate(
        text, where, xycoords=within, xytext=offset, textcoords="offset points", ha=side, fontsize=8, color=QUIET
    )


def _legend(figure: Figure, axes: Axes) -> None:
    """Above the axes, never over data; none for a single line."""
    drawn, names = axes.get_legend_handles_labels()
    if len(names) < 2:
        return
    widest = max(map(len, names))
    figure.legend(drawn, names, loc="outside upper left", ncols=max(1, min(len(names), int(95 / (widest + 7)))))


def _name(text: str, length: int = NAME) -> str:
    name = short(printable(text), length)
    return f" {name}" if name.startswith("_") else name  # matplotlib hides what begins with an underscore


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@contextmanager
def _canvas(height: float) -> Iterator[tuple[Figure, Callable[[], str]]]:
    """A figure to draw on, and what makes it SVG; matplotlib's settings hold within only."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the font of the browser has it
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)

        def finish() -> str:
            text = StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
            return _element(text.getvalue())

        yield figure, finish


def _element(document: str) -> str:
    """The ``svg`` element of a document, in the reader's own font."""
    element = document[document.index("<svg") :].strip()
    return element.replace("'DejaVu Sans', sans-serif", FONTS)
