"""``ratios``: a picture of how contenders compare with their baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skerry.bench.canvas import COLOURS, INK, Picture, canvas, error_bars, legend_name
from skerry.bench.results import Ratio
from skerry.bench.units import amount

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def ratios(all_of: Sequence[Ratio]) -> Picture | None:
    """Ratios as points with their intervals, and the line at 1; a panel for each quantity. None if there is no ratio."""
    known = [ratio for ratio in all_of if ratio.interval is not None and ratio.interval.low > 0]
    if not known:
        return None
    panels, by_quantity = _panels(known)
    contenders = list(dict.fromkeys(ratio.contender for ratio in known))
    height = 0.55 + sum(0.55 + 0.26 * len(panel) for panel in panels)
    with canvas(height=height) as (figure, finish):
        heights = [0.5 + len(panel) for panel in panels]
        rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        lowest = min(ratio.interval.low for ratio in known if ratio.interval)
        highest = max(ratio.interval.high for ratio in known if ratio.interval)
        for axes, panel in zip(rows, panels, strict=True):
            _dots(axes, panel, contenders, by_quantity=by_quantity)
        _ratio_axis(rows[-1], lowest, highest)
        baselines = {ratio.baseline for ratio in known}
        whose = legend_name(next(iter(baselines))) + "'s" if len(baselines) == 1 else "the baseline's"
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
            xerr=error_bars([interval]),
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
        range(len(panel)), [legend_name(ratio.contender if by_quantity else ratio.quantity, 34) for ratio in panel]
    )
    axes.set_ylim(len(panel) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_title(
        f"{legend_name(panel[0].quantity if by_quantity else panel[0].contender, 80)}{_better(panel)}", fontsize=9
    )


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
