"""``Picture``, and the canvas it is drawn on: matplotlib in one style, its axes, and SVG text.

Text stays text, in the font of whoever looks at it; every picture is black on white, also in print.
matplotlib is imported when a picture is drawn, and its state is left as it was.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from skerry.bench.grid import printable, short
from skerry.bench.results import Interval
from skerry.bench.units import SECONDS, chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#4f9fd1", "#000000")
"""M. Okabe and K. Ito, Color Universal Design, 2008; their yellow and orange darkened, to be seen on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, QUIET, GRID = "#1f2328", "#59636e", "#e3e6ea"
WIDTH = 7.6
"""Inches; 72 points each."""

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


@contextmanager
def canvas(height: float) -> Iterator[tuple[Figure, Callable[[], str]]]:
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


def seconds_axis(axes: Axes, which: str, extent: tuple[float, float], is_log: bool | None = None) -> None:
    """Logarithmic where the values span more than a factor of six, else from 0."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    low, high = extent
    is_log = high > 6 * max(low, 1e-9) if is_log is None else is_log
    axis = axes.yaxis if which == "y" else axes.xaxis
    set_scale, set_limits = (axes.set_yscale, axes.set_ylim) if which == "y" else (axes.set_xscale, axes.set_xlim)
    if is_log:
        bottom, top = decades(max(low, 1e-9), high)
        set_scale("log")
        set_limits(bottom, top)
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if top / bottom < 2_000 else (1,), numticks=15))
        axis.set_minor_locator(NullLocator())
    else:
        set_limits(0, high * 1.12)
        axis.set_major_locator(MaxNLocator(6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: chosen(value, SECONDS) if value else "0"))


def decades(low: float, high: float) -> tuple[float, float]:
    """A little air around the values; at least a factor of four, so that a single point has an axis."""
    middle = (low * high) ** 0.5
    return min(low / 1.3, middle / 2), max(high * 1.3, middle * 2)


def thousands_axis(axis: Any) -> None:
    """Numbers with commas, in full."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:.3g}"))


def error_bars(intervals: Sequence[Interval]) -> np.ndarray:
    """Lengths below and above, (2, intervals); none is negative, whatever rounding did."""
    sides = [(each.value - each.low, each.high - each.value) for each in intervals]
    return np.maximum(np.array(sides).T, 0)


def note(axes: Axes, text: str, where: tuple[float, float], within: Any, side: str, offset: tuple[int, int]) -> None:
    """A few words in small print."""
    axes.annotate(
        text, where, xycoords=within, xytext=offset, textcoords="offset points", ha=side, fontsize=8, color=QUIET
    )


def legend(figure: Figure, axes: Axes) -> None:
    """Above the axes, never over data; none for a single line."""
    drawn, names = axes.get_legend_handles_labels()
    if len(names) < 2:
        return
    widest = max(map(len, names))
    figure.legend(drawn, names, loc="outside upper left", ncols=max(1, min(len(names), int(95 / (widest + 7)))))


def legend_name(text: str, length: int = NAME) -> str:
    """What a legend calls somebody."""
    name = short(printable(text), length)
    return f" {name}" if name.startswith("_") else name  # matplotlib hides what begins with an underscore
