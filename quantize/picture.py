"""``draw_front``: a front as a picture, in SVG or PNG: size against loss, and latency against loss.

Colours, markers and line styles all tell the same, so that black and white is enough. The same front gives the same bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skerry.quantize.front import Front, Point, seconds
from skerry.runtime.errors import FileError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#4f9fd1", "#59636e", "#7b3294")
"""M. Okabe and K. Ito, Color Universal Design, 2008; their yellow and orange darkened, to be seen on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
INK, QUIET, GRID = "#1f2328", "#59636e", "#e3e6ea"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "skerry",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
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
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "figure.dpi": 150,
    "savefig.facecolor": "white",
}
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"
"""Text stays text, in the font of whoever looks at it: a third of the bytes of outlines."""
FORMATS = {".svg": "svg", ".png": "png"}
FARTHEST = 6
"""Losses are drawn up to so many times the bound; what lies beyond is not what was asked for."""


def draw_front(front: Front, *, format: str = "svg") -> bytes:
    """The picture, ``format`` "svg" or "png". matplotlib is imported here, and its settings are left as they were."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(9.6, 4.9), layout="constrained")
        FigureCanvasAgg(figure)
        _draw(figure, front)
        picture = BytesIO()
        metadata = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
        figure.savefig(picture, format=format, metadata=metadata)
    return picture.getvalue().replace(b"'DejaVu Sans', sans-serif", FONTS.encode())


def write_picture(front: Front, path: Path) -> None:
    """Write the picture as the file's ending says.

    Raises:
        FileError: it ends in neither .svg nor .png.
    """
    check_picture(path)
    path.write_bytes(draw_front(front, format=FORMATS[path.suffix]))


def check_picture(path: Path) -> None:
    """Raises FileError: pictures are not drawn in such a file."""
    if path.suffix not in FORMATS:
        raise FileError(f"{path}: expected a picture in {' or '.join(FORMATS)}, got {path.suffix or 'no suffix'!r}")


def _draw(figure: Figure, front: Front) -> None:
    size, latency = figure.subplots(1, 2, width_ratios=(1.25, 1), sharey=True)
    families = list(dict.fromkeys(point.family for point in front.points))
    looks = {family: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, family in enumerate(families)}
    points = [point for point in front.points if _drawn(point, front)]
    _sizes(size, front, points, looks)
    _latencies(latency, front, points, looks)
    size.set_ylim(*_extent(front, points))
    size.set_ylabel(f"loss of {front.metric} against the teacher")
    size.set_title("Size")
    latency.set_title("Latency of a call: hollow 1 row, filled 1,000 rows")
    for axes in (size, latency):
        axes.axhspan(front.max_loss, axes.get_ylim()[1], color="#f4f5f7", zorder=0)
        axes.axhline(front.max_loss, color=INK, linewidth=1.1, linestyle=(0, (4, 2)), zorder=2)
        axes.axhline(0, color="#9aa4af", linewidth=0.8, zorder=1)
    size.annotate(
        f"bound {front.max_loss:g}",
        (1, front.max_loss),
        xycoords=size.get_yaxis_transform(),
        xytext=(-2, 4),
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
    )
    _legend(figure, size)


def _drawn(point: Point, front: Front) -> bool:
    return point.loss is not None and point.loss.loss <= FARTHEST * front.max_loss


def _extent(front: Front, points: Sequence[Point]) -> tuple[float, float]:
    """Of the losses: zero, the bound and every point; of their intervals what keeps the rest to be seen."""
    losses = [point.loss for point in points if point.loss]
    top = max([front.max_loss * 1.6, *(loss.loss for loss in losses)])
    bottom = min([-0.4 * front.max_loss, *(loss.loss for loss in losses)])
    return bottom - 0.12 * (top - bottom), top + 0.08 * (top - bottom)


def _sizes(axes: Axes, front: Front, points: Sequence[Point], looks: dict[str, tuple[str, str]]) -> None:
    axes.set_xscale("log")
    for family, (colour, marker) in looks.items():
        mine = [point for point in points if point.family == family]
        for some, face, alpha in (
            ([point for point in mine if not point.is_on_front], "white", 0.5),
            ([point for point in mine if point.is_on_front], colour, 1.0),
        ):
            if some:
                _intervals(axes, some, colour, alpha)
                axes.plot(
                    [point.bytes for point in some],
                    [_loss(point) for point in some],
                    color=colour,
                    marker=marker,
                    markerfacecolor=face,
                    markersize=5.5,
                    alpha=alpha,
                    linestyle="none",
                    zorder=4,
                    label=family if face == colour or not any(point.is_on_front for point in mine) else None,
                )
    _staircase(axes, [point for point in points if point.is_on_front], front.teacher)
    axes.plot([front.teacher.bytes], [0], "*", color=INK, markersize=13, zorder=5, label="teacher, exact")
    _chosen(axes, front)
    _byte_axis(axes, [point.bytes for point in points] + [front.teacher.bytes])


def _intervals(axes: Axes, points: Sequence[Point], colour: str, alpha: float) -> None:
    for point in points:
        if point.loss:
            axes.vlines(
                point.bytes, point.loss.low, point.loss.high, color=colour, alpha=0.45 * alpha, linewidth=1, zorder=3
            )


def _staircase(axes: Axes, points: Sequence[Point], teacher: Point) -> None:
    """The least loss that is to be had at each size."""
    best, steps = float("inf"), []
    for point in sorted([*points, teacher], key=lambda each: (_loss(each), each.bytes)):
        if point.bytes < best:
            best = point.bytes
            steps.append((point.bytes, _loss(point)))
    if len(steps) > 1:
        sizes, losses = zip(*steps, strict=True)
        axes.step(sizes, losses, where="post", color=QUIET, linewidth=1, linestyle=(0, (1, 1.5)), zorder=2)


def _chosen(axes: Axes, front: Front) -> None:
    best = front.best
    if best is None or best.loss is None:
        return
    axes.plot(
        [best.bytes],
        [_loss(best)],
        marker="o",
        markersize=14,
        markerfacecolor="none",
        markeredgewidth=1.8,
        color=INK,
        linestyle="none",
        zorder=6,
        label="chosen and proved",
    )
    axes.annotate(
        f"{front.teacher.bytes / best.bytes:.3g}x smaller",
        (best.bytes, _loss(best)),
        xytext=(0, -19),
        textcoords="offset points",
        ha="center",
        fontsize=9,
        fontweight="bold",
    )


def _latencies(axes: Axes, front: Front, points: Sequence[Point], looks: dict[str, tuple[str, str]]) -> None:
    axes.set_xscale("log")
    timed = [(point, times) for point in points if (times := _times(point))]
    for point, times in timed:
        colour, marker = looks[point.family]
        alpha = 1.0 if point.is_on_front else 0.45
        axes.plot(times, [_loss(point)] * 2, color=colour, alpha=0.25 * alpha, linewidth=0.8, zorder=2)
        for seconds_taken, face in zip(times, ("white", colour), strict=True):
            axes.plot(
                [seconds_taken],
                [_loss(point)],
                color=colour,
                marker=marker,
                markerfacecolor=face,
                markersize=5,
                alpha=alpha,
                linestyle="none",
                zorder=4,
            )
    for seconds_taken, face in zip(_times(front.teacher), ("white", INK), strict=False):
        axes.plot([seconds_taken], [0], "*", color=INK, markerfacecolor=face, markersize=12, zorder=5)
    best = front.best
    for seconds_taken in _times(best) if best else ():
        axes.plot(
            [seconds_taken],
            [_loss(best)],
            "o",
            color=INK,
            markerfacecolor="none",
            markersize=13,
            markeredgewidth=1.8,
        )
    _second_axis(axes, [each for _, times in timed for each in times] + list(_times(front.teacher)))


def _times(point: Point) -> tuple[float, ...]:
    """Seconds of a call with 1 row and with 1,000; nothing where they were not measured."""
    return () if point.latency_1 is None or point.latency_1000 is None else (point.latency_1, point.latency_1000)


def _loss(point: Point | None) -> float:
    return 0.0 if point is None or point.loss is None else point.loss.loss


def _byte_axis(axes: Axes, values: Sequence[int]) -> None:
    _log_axis(axes, values, _bytes)
    axes.set_xlabel("bytes of model.onnx (logarithmic)")


def _second_axis(axes: Axes, values: Sequence[float]) -> None:
    axes.set_xlabel("median latency (logarithmic)")
    if values:
        _log_axis(axes, values, seconds)


def _log_axis(axes: Axes, values: Sequence[float], text: Any) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = min(values) / 1.6, max(values) * 1.6
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high / low < 3_000 else (1,), numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def _bytes(value: float) -> str:
    scale, unit = next(((scale, unit) for scale, unit in ((1e6, "MB"), (1e3, "kB")) if value >= scale), (1, "B"))
    return f"{value / scale:.3g} {unit}"


def _legend(figure: Figure, axes: Axes) -> None:
    drawn, names = axes.get_legend_handles_labels()
    figure.legend(
        drawn, names, loc="outside upper left", ncols=max(1, min(len(names), int(125 / (max(map(len, names)) + 6))))
    )
