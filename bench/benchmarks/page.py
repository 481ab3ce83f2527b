"""A ``Comparison`` for people: docs/benchmarks.md, its picture, and the table of the README."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from skerry.bench.benchmarks.comparison import Comparison, Figures, LoadFigures, ratio_to
from skerry.bench.benchmarks.servers import CONSTANT, SERVERS, SKERRY
from skerry.bench.benchmarks.witness import SECONDS as WITNESS
from skerry.bench.grid import Column, Grid, markdown
from skerry.bench.intervals import FEWEST_ROUNDS
from skerry.bench.ratio_plot import ratios
from skerry.bench.results import Ratio
from skerry.bench.sentences import machine_line
from skerry.bench.units import SECONDS, Amount, amount, chosen, number, unit_for, value_of
from skerry.runtime.errors import BenchError

BEGIN, END = "<!-- benchmarks -->\n", "<!-- /benchmarks -->\n"
PICTURE = "benchmarks.svg"
SHOWN_VERSIONS = (
    "scikit-learn",
    "numpy",
    "uvicorn",
    "uvloop",
    "httptools",
    "fastapi",
    "mlserver",
    "bentoml",
    "litserve",
    "skerry",
    "onnxruntime",
)
SERVER_OF = {route.name: server.name for server in SERVERS for route in server.routes}

INTRODUCTION = """\
# Skerry beside other servers

One scikit-learn model, GradientBoostingClassifier (100 trees, 30 columns, 2 classes), asked for probabilities over HTTP,
as JSON, by Skerry and by other servers of scikit-learn models: one worker on one core each, the load on another. The
floor is an application that answers a constant. Every answer was compared with scikit-learn's. `scripts/bench` makes
this page, its picture and the README's table again.
"""
METHOD = """\
## How it was measured

- The model is fitted once, on 400 of the 569 rows of scikit-learn's breast cancer data; requests are made of the other
  169, and differ: 64 of one row, or 16 of 100 rows, in turns. The same joblib file is loaded by all that run
  scikit-learn, of the same version; Skerry serves the artifact that it exports of it.
- Each server has a virtual environment of its own, with pinned versions (`bench/peers/*/requirements.txt`).
- All servers run, and one at a time is asked, in {rounds} rounds of {duration} each after {warmup} of warm-up, which is not
  counted. Figures are medians of the rounds, with the interval that holds the true median{confidence}; ratios pair the
  rounds. A connection sends its next request when its answer is there (closed loop).
- {pinning}
- An answer is right when every probability is within 1e-12 of scikit-learn's; others, and all but status 200, are errors,
  and in no figure.
- Memory is that of all processes of a server under load; on Linux pages that several share count once (the proportional
  set size). Start is from the command to the first right answer, the median of 3 with the
  shortest and the longest. Size is what pip installed
  into the environment, without pip.
"""
NOT_COMPARED = """\
## What is not compared

- Batching on the server. MLServer, BentoML and LitServe can gather requests; it is off by default in all three, and
  makes a single connection wait.
- More than one worker. All of these servers can start several, and all but the model's memory then multiplies alike.
- gRPC and binary tensors: of these servers, only MLServer has both.
- Servers that come as container images rather than packages (Triton, KServe), or as a cluster (Ray Serve).
- Other models. Where a model takes longer, servers differ less: compare the tables for 1 and for 100 rows.
- A network. Requests go over the loopback interface.
"""
AGAIN = """\
## Again

```sh
scripts/bench
```

installs the servers in `build/peers`, measures, and writes this page, `docs/benchmarks.json` and the README's table, in
{took} on the machine named above. What cannot be installed or started is named, and left out; the exit status is then 1.
"""


def write_page(comparison: Comparison) -> str:
    """docs/benchmarks.md."""
    parts = [
        INTRODUCTION,
        f"Measured on {comparison.created[:10]}: {machine_line(comparison.machine)}.\n",
        *(f"**Warning:** {warning}\n" for warning in comparison.warnings),
        *(f"**Left out:** {name}: {reason}\n" for name, reason in comparison.left_out.items()),
        *(part for figures in comparison.loads for part in (f"## {_title(figures)}\n", markdown(load_grid(figures)))),
        *_link(comparison),
        "## Memory, start, size\n",
        markdown(server_grid(comparison)),
        *_witness(comparison),
        METHOD.format(
            rounds=comparison.rounds,
            duration=chosen(comparison.duration, SECONDS),
            warmup=chosen(comparison.warmup, SECONDS),
            confidence=" with 95 % confidence"
            if comparison.rounds >= FEWEST_ROUNDS
            else ", or all rounds if they are few",
            pinning=_pinning(comparison),
        ),
        "## How each server is set\n",
        "".join(f"- **{server.name}.** {server.settings}\n" for server in comparison.servers),
        "Versions:\n",
        markdown(version_grid(comparison)),
        NOT_COMPARED,
        AGAIN.format(took=f"{comparison.took / 60:.0f} minutes"),
    ]
    return "\n".join(parts)


def write_picture(comparison: Comparison) -> str | None:
    """docs/benchmarks.svg: requests per second beside Skerry's, under each load; None if there is nothing to draw."""
    picture = ratios([ratio for figures in comparison.loads for ratio in _beside_skerry(figures)])
    return None if picture is None else picture.svg + "\n"


def _link(comparison: Comparison) -> list[str]:
    return [f"![Requests per second, beside {SKERRY}]({PICTURE})\n"] if _has_picture(comparison) else []


def _has_picture(comparison: Comparison) -> bool:
    return any(ratio.interval for figures in comparison.loads for ratio in _beside_skerry(figures))


def _beside_skerry(figures: LoadFigures) -> list[Ratio]:
    return [ratio for ratio in figures.ratios if ratio.baseline == SKERRY]


def write_readme_table(comparison: Comparison) -> str:
    """What stands between the README's markers."""
    one, single, many = comparison.loads
    floor = [each for each in one.figures if each.route == CONSTANT]
    routes = [each.route for each in one.figures if each not in floor] + [each.route for each in floor]
    return (
        "One row of 30 numbers as JSON, a gradient-boosting model, one core for the server, 32 connections\n"
        "([how, and more](docs/benchmarks.md); `scripts/bench` measures again):\n\n"
        + markdown(
            Grid(
                "",
                (
                    Column("", tuple(routes), is_number=False),
                    _picked("requests/s", one, routes, lambda each: each.requests_per_second.value),
                    _picked("p50, ms", one, routes, lambda each: _scaled(value_of(each.p50), 1e-3)),
                    _picked("p99, ms", one, routes, lambda each: _scaled(value_of(each.p99), 1e-3)),
                    _picked("1 connection: p50, ms", single, routes, lambda each: _scaled(value_of(each.p50), 1e-3)),
                    _picked("100 rows: requests/s", many, routes, lambda each: each.requests_per_second.value),
                    _picked("memory, MB", one, routes, lambda each: _scaled(each.resident_memory, 1e6)),
                ),
            )
        )
    )


def replace_block(text: str, block: str) -> str:
    """``text`` with ``block`` between its markers. Raises BenchError unless each is there once, in order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise BenchError(f"expected one line {BEGIN.strip()} and after it one line {END.strip()}")
    return before + BEGIN + block + END + after


def write_pages(comparison: Comparison, docs: Path, readme: Path) -> None:
    """The page and its picture in ``docs``, and the table in ``readme``; none of them if the README has no place for it."""
    text = replace_block(readme.read_text(), write_readme_table(comparison))
    (docs / "benchmarks.md").write_text(write_page(comparison))
    if (picture := write_picture(comparison)) is not None:
        (docs / PICTURE).write_text(picture)
    readme.write_text(text)


def load_grid(figures: LoadFigures) -> Grid:
    """A line for each route: requests per second with their ratios, latency, processor time, what was checked."""
    rows = figures.figures
    unit = unit_for([each.p50 for each in rows], SECONDS)
    columns = [
        Column("", tuple(each.route for each in rows), is_number=False),
        Column("requests/s", tuple(amount(each.requests_per_second) for each in rows)),
        _ratios("of the constant answer", figures, CONSTANT),
        _ratios(f"of {SKERRY}", figures, SKERRY),
        Column(f"p50, {unit.name}", tuple(amount(each.p50, unit) for each in rows)),
        Column(f"p99, {unit.name}", tuple(amount(each.p99, unit) for each in rows)),
        Column("cores", tuple(_number(each.cores, 2) for each in rows)),
        Column("answers, all checked", tuple(_checked(each) for each in rows)),
    ]
    if any(each.errors for each in rows):
        columns.append(Column("errors", tuple(_errors(each) for each in rows), is_number=False))
    return Grid(_title(figures), tuple(columns))


def server_grid(comparison: Comparison) -> Grid:
    """A line for each server: memory under load, start, packages and their size."""
    memory: dict[str, int] = {}
    for figures in comparison.loads:
        for each in figures.figures:
            server = SERVER_OF[each.route]
            memory[server] = max(memory.get(server, 0), each.resident_memory or 0)
    servers = comparison.servers
    return Grid(
        "",
        (
            Column("", tuple(server.name for server in servers), is_number=False),
            Column("memory, MB", tuple(_number(_scaled(memory.get(server.name), 1e6), 0) for server in servers)),
            Column("start, s", tuple(amount(server.start) for server in servers)),
            Column("packages", tuple(str(server.packages) for server in servers)),
            Column("installed, MB", tuple(number(server.install_size / 1e6, 0) for server in servers)),
        ),
    )


def version_grid(comparison: Comparison) -> Grid:
    shown = [name for name in SHOWN_VERSIONS if any(name in server.versions for server in comparison.servers)]
    return Grid(
        "",
        (
            Column("", tuple(server.name for server in comparison.servers), is_number=False),
            *(Column(name, tuple(server.versions.get(name, "") for server in comparison.servers)) for name in shown),
        ),
    )


def _witness(comparison: Comparison) -> Iterable[str]:
    """What wrk saw of the first load."""
    if not comparison.witness:
        return []
    found = comparison.witness
    grid = Grid(
        "",
        (
            Column("", tuple(each.route for each in found), is_number=False),
            Column("wrk, requests/s", tuple(number(each.wrk) for each in found)),
            Column("skerry bench, requests/s", tuple(number(each.ours) for each in found)),
            Column("skerry bench / wrk", tuple(number(each.ours / each.wrk, 2) for each in found)),
        ),
    )
    text = (
        f"## What wrk says\n\nThe same load ({comparison.loads[0].load}) from [wrk](https://github.com/wg/wrk), one run of "
        f"{WITNESS} s each, side by side: a load generator that others wrote, in C. It sends one request again and again and does not look at "
        f"answers; `skerry bench` sends different ones and checks all. Its own limit against a constant "
        f"answer is {number(comparison.ceiling)} requests/s here.\n"
    )
    return [text, markdown(grid)]


def _pinning(comparison: Comparison) -> str:
    if comparison.is_pinned:
        return "Servers, with all their processes and threads, are bound to one core, the load generator to another."
    return "Servers and load generator could not be bound to cores of their own here; they share them."


def _title(figures: LoadFigures) -> str:
    return str(figures.load)


def _ratios(name: str, figures: LoadFigures, baseline: str) -> Column:
    known = {ratio.contender: ratio.interval for ratio in figures.ratios if ratio.baseline == baseline}
    values: list[Amount] = [
        known.get(each.route) or ratio_to(figures, each.route, baseline) for each in figures.figures
    ]
    return Column(name, tuple("1" if value == 1 else amount(value) for value in values))


def _picked(name: str, figures: LoadFigures, routes: list[str], pick: Callable[[Figures], float | None]) -> Column:
    known = {each.route: pick(each) for each in figures.figures}
    return Column(name, tuple(amount(known.get(route)) for route in routes))


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else number(value, decimals)


def _checked(figures: Figures) -> str:
    return (
        f"{figures.requests:,}"
        if figures.verified == figures.requests
        else f"{figures.verified or 0:,} of {figures.requests:,}"
    )


def _errors(figures: Figures) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in figures.errors.items())
