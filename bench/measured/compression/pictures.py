"""``fronts_picture`` and ``table_picture``: what the page shows, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

from skerry.bench.canvas import COLOURS, INK, MARKERS, QUIET, STYLE
from skerry.bench.measured.compression.records import FRONT, Fronts, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
WIDTH, PANEL = 9.6, 2.15
"""Inches."""
BELOW = 0.35
"""How much of the scores below the best is drawn: what loses more than that share of them is of no use to anybody."""


def fronts_picture(sets: Sequence[Fronts]) -> str:
    """A panel for each set: the metric on unseen rows over the size, of the front and of the baselines."""
    kinds = [FRONT, *dict.fromkeys(point.kind for each in sets for point in each.points if point.kind != FRONT)]
    height = PANEL * -(-len(sets) // COLUMNS) + 0.5
    with _canvas(height) as (figure, finish):
        panels = figure.subplots(-(-len(sets) // COLUMNS), COLUMNS, squeeze=False).ravel()
        for axes, each in zip(panels, sets, strict=False):
            _panel(axes, each, kinds)
        for axes in panels[len(sets) :]:
            axes.set_visible(False)
        drawn, names = panels[0].get_legend_handles_labels()
        figure.legend(drawn, names, loc="outside upper left", ncols=len(names))
        figure.supxlabel("bytes of model.onnx as Skerry writes it (logarithmic)", fontsize=9, color=QUIET)
        return finish()


def _panel(axes: Axes, each: Fronts, kinds: Sequence[str]) -> None:
    for index, kind in enumerate(kinds):
        points = sorted((point for point in each.points if point.kind == kind), key=lambda point: point.size)
        axes.plot(
            [point.size for point in points],
            [point.quality.score.value for point in points],
            color=COLOURS[index],
            marker=MARKERS[index],
            markersize=3.2,
            linewidth=2.0 if kind == FRONT else 1.1,
            zorder=3 if kind == FRONT else 2,
            label=kind,
        )
    axes.plot([each.teacher_size], [each.teacher_score], "*", color=INK, markersize=10, label="teacher", zorder=4)
    axes.axhline(each.teacher_score, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.set_xscale("log")
    _ticks(axes.xaxis, _short)
    scores = [point.quality.score.value for point in each.points]
    top, low = max([*scores, each.teacher_score]), min([*scores, each.teacher_score])
    bottom = max(low, top - BELOW * (top - (0.5 if each.metric != "r2" else 0.0)))
    axes.set_ylim(bottom - 0.02 * (top - bottom), top + 0.06 * (top - bottom))
    axes.set_title(f"{each.case}: {NAMES[each.metric]}", fontsize=8.5)
    axes.tick_params(labelsize=7.5)


NAMES = {"r2": "R²", "roc_auc": "ROC AUC", "accuracy": "accuracy"}


def table_picture(rows: Sequence[Row]) -> str:
    """A point for each case: how many times smaller the file, over what it loses on unseen rows, with its interval."""
    shown = [row for row in rows if row.result is not None and row.quality is not None]
    families = list(dict.fromkeys(row.family for row in shown))
    with _canvas(4.2) as (figure, finish):
        axes = figure.subplots()
        for index, family in enumerate(families):
            members = [row for row in shown if row.family == family]
            losses = [100 * row.quality.loss.value for row in members if row.quality]
            sides = [
                [100 * (row.quality.loss.value - row.quality.loss.low) for row in members if row.quality],
                [100 * (row.quality.loss.high - row.quality.loss.value) for row in members if row.quality],
            ]
            axes.errorbar(
                losses,
                [row.teacher.size / row.result.size for row in members if row.result],
                xerr=sides,
                color=COLOURS[index],
                marker=MARKERS[index],
                linestyle="none",
                markersize=5.5,
                elinewidth=0.9,
                label=family,
            )
        axes.axvline(0, color=INK, linewidth=1)
        axes.axhline(1, color=INK, linewidth=1)
        axes.set_yscale("log")
        _ticks(axes.yaxis, lambda ratio: f"{ratio:,.4g}")
        axes.set_xlabel("points lost on unseen rows (left of the line: better than the teacher)")
        axes.set_ylabel("times smaller than the exact artifact")
        figure.legend(loc="outside upper left", ncols=len(families))
        return finish()


def _ticks(axis: Any, text: Callable[[float], str]) -> None:
    """Decades, and what is between where there are few of them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1,) if high / low > 300 else (1, 3) if high / low > 20 else (1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def _short(count: float) -> str:
    """Bytes: ``300``, ``3 kB``, ``3 MB``."""
    scale, unit = next(((scale, unit) for scale, unit in ((1e6, " MB"), (1e3, " kB")) if count >= scale), (1.0, ""))
    return f"{count / scale:,.4g}{unit}"


@contextmanager
def _canvas(height: float) -> Iterator[tuple[Figure, Any]]:
    """A figure, and what makes it SVG; matplotlib's settings hold within only."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Shown as a file beside the page, so that the reader's fonts are not known: text is drawn.
    with matplotlib.rc_context({**STYLE, "svg.fonttype": "path"}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained", facecolor="white")
        FigureCanvasSVG(figure)

        def finish() -> str:
            text = StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
            return text.getvalue()

        yield figure, finish
