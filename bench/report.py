"""A measurement as one page that needs nothing else: pictures, tables, and the measurement itself as JSON.

Measurement ─▶ page ─▶ FILE.html
            ─▶ its main picture ─▶ FILE.svg
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import inf
from pathlib import Path

import msgspec

from skerry.bench.canvas import Picture
from skerry.bench.grid import Grid, printable
from skerry.bench.loads import Load, describe, loads_of
from skerry.bench.plots import pictures
from skerry.bench.results import HttpMeasurement, Measurement, ModelMeasurement, Point
from skerry.bench.sentences import findings, machine_line, setting
from skerry.bench.tables import grids, ratio_grid
from skerry.bench.units import number, percent, plural, seconds, size
from skerry.runtime.errors import BenchError, FileError
from skerry.runtime.whole import written_whole

LEADING = 3
"""Findings that stand on top; all of them are further down."""

Tile = tuple[str, str, str]
"""A large number, what it is, and of what."""


def write_report(measurement: Measurement, path: str | os.PathLike[str]) -> None:
    """Write ``measurement`` to an .html page, or its main picture to an .svg; whole or not at all.

    Raises:
        FileError: the name ends otherwise, or the file cannot be written.
        BenchError: an .svg of a measurement in which there is nothing to draw.
    """
    target = Path(path)
    if target.suffix not in _WRITTEN:
        raise FileError(
            f"{target}: expected a name that ends in {', '.join(_WRITTEN)}, got {target.suffix or 'none'!r}"
        )
    content = _WRITTEN[target.suffix](measurement)
    with written_whole(target) as partial:
        partial.write_text(content, encoding="utf-8")


def page(measurement: Measurement) -> str:
    """The whole HTML page. Every text that is not ours is escaped; nothing is fetched and no script runs."""
    sentences = findings(measurement)
    body = [
        _header(measurement, sentences[:LEADING] or [_summary(measurement)]),
        _tiles(tiles(measurement)),
        *map(_figure, pictures(measurement)),
        _section("Findings", _list(sentences)) if len(sentences) > LEADING else "",
        *(_table(grid) for grid in grids(measurement)),
        _table(ratio_grid(measurement.ratios)) if measurement.ratios else "",
        _footer(measurement),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{_text(measurement.title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(filter(None, body))
        + "\n</main>\n</body>\n</html>\n"
    )


def main_picture(measurement: Measurement) -> str:
    """The first picture as an SVG document."""
    drawn = pictures(measurement)
    if not drawn:
        raise BenchError("expected something to draw, but nothing was answered", hint="an .html report has the errors")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_labelled(drawn[0])}\n'


_WRITTEN: dict[str, Callable[[Measurement], str]] = {".html": page, ".svg": main_picture}


# What stands on top


def tiles(measurement: Measurement) -> list[Tile]:
    """The few numbers that most people come for."""
    if isinstance(measurement, ModelMeasurement):
        return _model_tiles(measurement)
    loads = loads_of(measurement.runs)
    return (_server_tiles(loads) if len(measurement.targets) > 1 else _load_tiles(loads, measurement)) + _error_tile(
        loads
    )


def _model_tiles(measurement: ModelMeasurement) -> list[Tile]:
    if not measurement.points:
        return []
    first = measurement.points[0].contender
    points = [point for point in measurement.points if point.contender == first]
    quickest = min(points, key=lambda point: (point.rows, point.latency.value))
    most = max(points, key=lambda point: point.rows_per_second)
    found = [
        (seconds(quickest.latency.value), f"for {plural(quickest.rows, 'row')}", _with_threads(first, quickest)),
        (
            number(most.rows_per_second),
            "rows per second",
            f"{_with_threads(first, most)}, {plural(most.rows, 'row')} a call",
        ),
    ]
    contender = next((each for each in measurement.contenders if each.name == first), None)
    if contender and contender.load:
        found.append((seconds(contender.load.value), "to load", first))
    if contender and contender.resident_memory:
        found.append((size(contender.resident_memory), "memory added", first))
    return found


def _with_threads(name: str, point: Point) -> str:
    return f"{name}, {plural(point.threads, 'thread')}"


def _server_tiles(loads: Sequence[Load]) -> list[Tile]:
    """The best of each server."""
    best: dict[str, Load] = {}
    for load in loads:
        if load.requests_per_second.value > _rate(best.get(load.target)):
            best[load.target] = load
    return [(number(_rate(load)), "requests per second", target) for target, load in list(best.items())[:4]]


def _load_tiles(loads: Sequence[Load], measurement: HttpMeasurement) -> list[Tile]:
    """Of the knee where there is one, else of the load that was answered fastest."""
    knees = [knee.rate for knee in measurement.knees if knee.rate is not None]
    at = [load for load in loads if load.rate in knees] or loads
    best = max(at, key=_rate, default=None)
    if best is None or best.latency is None:
        return []
    where = "at the knee" if best.rate in knees else describe(best)
    return [
        (number(_rate(best)), "requests per second", where),
        (seconds(best.median_round("p50")), "p50", where),
        (seconds(best.median_round("p99")), "p99", where),
    ]


def _rate(load: Load | None) -> float:
    return load.requests_per_second.value if load else -inf


def _error_tile(loads: Sequence[Load]) -> list[Tile]:
    if not loads:
        return []
    errors, requests = sum(sum(load.errors.values()) for load in loads), sum(load.requests for load in loads)
    share = percent(errors / (errors + requests)) if errors else "of all"
    return [
        (
            f"{errors:,}",
            "errors",
            f"{share} of {errors + requests:,} requests" if errors else f"in {requests:,} requests",
        )
    ]


def _summary(measurement: Measurement) -> str:
    """A sentence where there is nothing to compare."""
    shown = [
        f"{what} {value}" if what in ("p50", "p99") else f"{value} {what}" for value, what, _ in tiles(measurement)
    ]
    if isinstance(measurement, HttpMeasurement) and not any(run.requests for run in measurement.runs):
        return f"Nothing was answered: {shown[-1]}." if shown else "Nothing was measured."
    return f"{', '.join(shown)}." if shown else "Nothing was measured."


# Parts of the page


def _header(measurement: Measurement, leading: Sequence[str]) -> str:
    partial = (
        '<p class="partial" role="status"><strong>Partial result.</strong> '
        "The measurement was broken off; this is what was measured until then.</p>"
    )
    warnings = f'<aside class="warnings" aria-label="Warnings"><h2>Warnings</h2>{_list(measurement.warnings)}</aside>'
    parts = [
        f'<p class="kind">skerry bench · <time datetime="{_text(measurement.created)}">{_text(_date(measurement.created))}</time></p>',
        f"<h1>{_text(measurement.title)}</h1>",
        "" if measurement.complete else partial,
        "".join(f'<p class="finding">{_text(sentence)}</p>' for sentence in leading),
        f'<p class="setting">{_text(setting(measurement))}</p>',
        warnings if measurement.warnings else "",
    ]
    return f"<header>{''.join(parts)}</header>"


def _date(created: str) -> str:
    """``2026-11-22 04:30 UTC`` of what is written as in ISO 8601; anything else as it is."""
    date, _, rest = created.partition("T")
    if not rest:
        return created
    return f"{date} {rest[:5]}{' UTC' if rest.endswith(('Z', '+00:00')) else ''}"


def _tiles(all_of: Iterable[Tile]) -> str:
    made = "".join(
        f"<div><dt>{_text(what)}</dt><dd><strong>{_text(value)}</strong><span>{_text(of)}</span></dd></div>"
        for value, what, of in all_of
    )
    return f'<dl class="tiles">{made}</dl>' if made else ""


def _figure(picture: Picture) -> str:
    return (
        f'<section><h2>{_text(picture.title)}</h2><figure><div class="card">{_labelled(picture)}</div>'
        f"<figcaption>{_text(picture.caption)}</figcaption></figure></section>"
    )


def _labelled(picture: Picture) -> str:
    """The picture with a name for those who do not see it."""
    return picture.svg.replace(
        "<svg ", f'<svg role="img" aria-label="{_text(picture.title)}: {_text(picture.caption)}" ', 1
    )


def _table(grid: Grid) -> str:
    head = "".join(f'<th scope="col"{_side(column.is_number)}>{_text(column.name)}</th>' for column in grid.columns)
    rows = "".join(f"<tr>{''.join(_cells(grid, row))}</tr>" for row in grid.rows)
    content = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(grid.title)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    return _section(grid.title, content + (f'<p class="note">{_text(grid.note)}</p>' if grid.note else ""))


def _cells(grid: Grid, row: Sequence[str]) -> list[str]:
    first, *others = (
        f"{_side(column.is_number)}>{_text(cell)}" for column, cell in zip(grid.columns, row, strict=True)
    )
    return [f'<th scope="row"{first}</th>', *(f"<td{cell}</td>" for cell in others)]


def _side(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _section(title: str, content: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{content}</section>"


def _list(texts: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(text)}</li>' for text in texts)}</ul>"


def _footer(measurement: Measurement) -> str:
    content = msgspec.json.encode(measurement)
    link = f"data:application/json;base64,{b64encode(content).decode()}"
    return (
        f"<footer><h2>Machine</h2><p>{_text(machine_line(measurement.machine))}</p>"
        f'<p><a download="measurement.json" href="{link}">The measurement as JSON</a> ({size(len(content))}), '
        f"with every run and its histogram.</p></footer>"
    )


def _text(text: str) -> str:
    return escape(printable(text), quote=True)


STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --page: #f5f6f8; --card: #fff; --line: #d9dee4;
  --accent: #0a5c96; --warn: #7a4b00; --warn-card: #fff6e0; --bad: #9d1c1c; --bad-card: #fdecec; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --quiet: #a3adb8; --page: #14171b; --card: #1d2126;
  --line: #353b43; --accent: #7cbcec; --warn: #f0c674; --warn-card: #2e2714; --bad: #ffa3a3; --bad-card: #3a1a1c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; }
main { max-width: 880px; margin: 0 auto; padding: 40px 24px 56px; }
h1 { font-size: 27px; line-height: 1.25; margin: 4px 0 14px; font-weight: 650; letter-spacing: -0.01em; text-wrap: balance; }
h2 { font-size: 17px; line-height: 1.3; margin: 0 0 10px; font-weight: 600; }
section { margin-top: 36px; }
.kind, .setting, .note, figcaption, footer { color: var(--quiet); font-size: 13.5px; }
.kind { margin: 0; }
.finding { font-size: 17px; line-height: 1.4; margin: 0 0 4px; }
.setting { margin: 12px 0 0; }
.partial, .warnings { border-left: 4px solid; border-radius: 4px; padding: 10px 14px; margin: 16px 0; }
.partial { color: var(--bad); background: var(--bad-card); }
.warnings { color: var(--warn); background: var(--warn-card); }
.warnings h2 { font-size: 14px; margin: 0 0 2px; }
ul { margin: 0; padding-left: 18px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 12px; margin: 24px 0 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.tiles dt { color: var(--quiet); font-size: 13px; }
.tiles dd { margin: 0; }
.tiles strong { display: block; font-size: 25px; line-height: 1.25; font-weight: 620; font-variant-numeric: tabular-nums; }
.tiles span { display: block; color: var(--quiet); font-size: 12.5px; line-height: 1.35; margin-top: 2px; }
figure { margin: 0; }
.card { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; overflow-x: auto; }
.card svg { display: block; width: 100%; min-width: 540px; height: auto; margin: 0 auto; }
figcaption { margin-top: 8px; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.scroll:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; line-height: 1.4; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 12px; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; min-width: 3.5em; }
th[scope=row]:not(.number), td:not(.number) { min-width: 9em; max-width: 26em; }
thead th { color: var(--quiet); font-weight: 600; vertical-align: bottom; }
tbody tr:last-child > * { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; overflow-wrap: normal; }
.note { margin: 6px 0 0; }
footer { margin-top: 44px; border-top: 1px solid var(--line); padding-top: 18px; }
footer h2 { color: var(--ink); font-size: 14px; margin: 0 0 4px; }
footer p { margin: 0 0 8px; }
a { color: var(--accent); }
@media (max-width: 560px) { main { padding: 20px 14px 36px; } h1 { font-size: 22px; } .finding { font-size: 16px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 8px; } .tiles strong { font-size: 20px; } .card { padding: 10px; } }
@media print { :root { --ink: #000; --quiet: #333; --page: #fff; --card: #fff; --line: #bbb; --accent: #000;
  --warn: #000; --warn-card: #fff; --bad: #000; --bad-card: #fff; }
  body { font-size: 10.5pt; } main { max-width: none; padding: 0; } section, figure, tr, .tiles div { break-inside: avoid; }
  h2 { break-after: avoid; } .card, .scroll { overflow: visible; } .card svg { min-width: 0; } }
"""
