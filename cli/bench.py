"""``skerry bench``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skerry.cli.options import trust_options
from skerry.cli.progress import Say, progress
from skerry.runtime.errors import ArtifactError, BenchError

if TYPE_CHECKING:
    from skerry.bench.results import Measurement


class Counts(click.ParamType):  # type: ignore[type-arg]  # it has none before click 8.4
    """Whole numbers above 0, separated by commas."""

    name = "N,N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = value.split(",")
        if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
            self.fail(f"expected whole numbers above 0, separated by commas, got {value!r}", param, ctx)
        return tuple(map(int, parts))


class Header(click.ParamType):  # type: ignore[type-arg]
    """``Name: value``, as curl and wrk take it."""

    name = "'NAME: VALUE'"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, colon, content = value.partition(":")
        if not colon or not name.strip() or any(letter in value for letter in "\r\n\0"):
            self.fail(f"expected 'Name: value', got {value!r}", param, ctx)
        return name.strip(), content.strip()


class Existing(click.Path):
    """A file or directory that is there."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)


_above_zero = click.FloatRange(0, min_open=True)


@click.command()
@click.argument("targets", metavar="ARTIFACT|URL...", nargs=-1, required=True)
@click.option("--compare", is_flag=True, help="Measure several targets in turns, and say by how much they differ.")
@click.option(
    "--rows",
    type=Counts(),
    help="Rows in a call, such as 1,100; of a URL, in a request.  [default: 1,10,100,1000,10000; of a URL 1]",
)
@click.option(
    "--data",
    type=Existing(),
    help="Rows to send, in .csv, .parquet, .jsonl, .npy or .npz.  [default: the artifact's golden rows]",
)
@click.option("--target", help="The column of --data with the truth, which is no input.")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    help="Times that everything is measured, in turns; an interval needs 6.  [default: 9; of a URL 1, of several 7]",
)
@click.option("--duration", type=_above_zero, help="Seconds: of a URL for each run, else for all.  [default: 10; 30]")
@click.option("--threads", type=Counts(), help="Threads of a session.  [default: 1 and all cores]")
@click.option(
    "--method", "methods", multiple=True, help="A method to call; repeat for several.  [default: all of the artifact]"
)
@click.option(
    "--estimator",
    type=Existing(),
    help="The fitted estimator (.skops, .joblib, .pkl), to compare with, and with its stock conversion.",
)
@click.option(
    "--parent", type=Existing(), help="The artifact that this one was made from.  [default: found by its digest]"
)
@trust_options
@click.option("--connections", type=click.IntRange(1), help="Connections at once.  [default: 32]")
@click.option(
    "--rate",
    type=_above_zero,
    help="Requests per second (open loop); latency counts from the intended start.  [default: as fast as answers come]",
)
@click.option(
    "--arrivals",
    type=click.Choice(["constant", "poisson"]),
    help="How the requests of a rate are spaced.  [default: constant]",
)
@click.option(
    "--knee", type=_above_zero, metavar="SECONDS", help="Find the highest rate whose 99th percentile stays under this."
)
@click.option(
    "--warmup", type=click.FloatRange(0), help="Seconds of the same load before each run, not counted.  [default: 1]"
)
@click.option("--timeout", type=_above_zero, help="Seconds after which a request has failed.  [default: 10]")
@click.option("--processes", type=click.IntRange(1), help="Processes that send.  [default: 1]")
@click.option(
    "--artifact",
    type=Existing(),
    help="The artifact behind a URL: its golden rows are sent, and every answer is verified.",
)
@click.option("--body", type=Existing(), help="What to send instead, a file; a .jsonl has a body in each line.")
@click.option("--expect", type=Existing(), help="The right answer to --body, or a line for each body.")
@click.option("--header", "-H", "headers", type=Header(), multiple=True, help="A header to send; repeat for several.")
@click.option("--request", "-X", metavar="METHOD", help="The HTTP method.  [default: POST with a body, else GET]")
@click.option("--binary", is_flag=True, help="Send tensors in binary (the Open Inference Protocol's extension).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, in seconds and bytes.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with plots, .html, or the picture alone, .svg.",
)
def bench(targets: tuple[str, ...], compare: bool, as_json: bool, report: Path | None, **options: Any) -> None:
    """Measure ARTIFACT, called in process, or the server at URL.

    An artifact: latency by rows and threads, load time and memory, beside its parent and --estimator. A URL: the
    endpoint itself; /predict and the Open Inference Protocol's /infer are spoken, anything else gets --body or a GET.

    \b
    Example:
      skerry bench artifacts/iris
      skerry bench artifacts/churn --estimator churn.skops --data rows.csv --report churn.html
      skerry bench http://127.0.0.1:8000/predict --artifact artifacts/iris --connections 32
      skerry bench http://127.0.0.1:8000/v2/models/iris/infer --rate 5000 --arrivals poisson
      skerry bench http://127.0.0.1:8000/predict --artifact artifacts/iris --knee 0.005
      skerry bench --compare artifacts/iris/1 artifacts/iris/2
    """
    over_http = _are_urls(targets, compare=compare)
    given = {name: value for name, value in options.items() if value is not None and value is not False and value != ()}
    _refuse_others(given, targets[0], over_http=over_http)
    if report is not None:
        _check_report(report)
    with progress() as say:
        measurement = (_measure_servers if over_http else _measure_models)(targets, given, say)
    _show(measurement, as_json=as_json, report=report)


_MODEL = {"target", "threads", "methods", "estimator", "parent", "trust_pickle", "trusted_types"}
_LOAD = {"connections", "rate", "arrivals", "warmup", "timeout", "processes"}
_REQUEST = {"artifact", "body", "expect", "headers", "request", "binary"}
"""Options that are for one kind of target alone: of a model in process; of a URL, the load and the request."""


def _are_urls(targets: tuple[str, ...], *, compare: bool) -> bool:
    """Whether URLs are to be measured, or artifacts."""
    if len(targets) > 1 and not compare:
        raise click.UsageError("expected one ARTIFACT or URL, got several: compare them with --compare")
    if len(targets) == 1 and compare:
        raise click.UsageError("expected several ARTIFACTs or URLs to --compare, got one")
    urls = [target for target in targets if target.startswith(("http://", "https://"))]
    if urls and len(urls) < len(targets):
        raise click.UsageError(
            "expected artifacts or URLs to compare, got both: one is called in process, the other over HTTP"
        )
    for target in targets if not urls else ():
        if not Path(target).exists():
            raise ArtifactError(
                f"{target}: no such artifact",
                hint="expected a directory such as artifacts/<name>/<version>, or a URL, which begins with http://",
            )
    return bool(urls)


def _refuse_others(given: Mapping[str, Any], target: str, *, over_http: bool) -> None:
    """An option that would have no effect is a mistake."""
    wrong = given.keys() & (_MODEL if over_http else _LOAD | _REQUEST | {"knee"})
    if wrong:
        names = {parameter.name: parameter.opts[0] for parameter in bench.params}
        told = ", ".join(sorted(names[name] for name in wrong))
        expected, got = ("an artifact", "a URL") if over_http else ("a URL", "an artifact")
        raise click.UsageError(f"{told}: only for {expected}, and {target} is {got}")


def _check_report(report: Path) -> None:
    """What would fail after the measurement is better said before."""
    import skerry.bench.report  # noqa: F401 -- what it needs may not be installed

    if report.suffix not in (".html", ".svg"):
        raise click.BadParameter(f"expected a name that ends in .html or .svg, got {report}", param_hint="--report")
    if not report.absolute().parent.is_dir():
        raise click.BadParameter(f"{report}: expected a file in a directory that is there", param_hint="--report")


def _measure_models(targets: tuple[str, ...], given: Mapping[str, Any], say: Say) -> Measurement:
    from skerry.bench.in_process import measure_models
    from skerry.bench.lineup import Lineup

    settings = {"rows": "row_counts", "threads": "threads", "rounds": "rounds", "duration": "seconds"}
    chosen = {name: given[name] for name in (_MODEL | {"data"}) - settings.keys() if name in given}
    lineup = Lineup.of([Path(target) for target in targets], **chosen, progress=say)
    return measure_models(
        lineup,
        **{settings[name]: value for name, value in given.items() if name in settings},
        progress=lambda what, share: say(f"{share:4.0%} {what}"),
    )


def _measure_servers(targets: tuple[str, ...], given: Mapping[str, Any], say: Say) -> Measurement:
    from skerry.bench.http.measurement import measure_servers
    from skerry.bench.http.plan import LoadPlan
    from skerry.bench.http.target import prepare

    plan = LoadPlan(**{name: given[name] for name in _LOAD if name in given}, duration=given.get("duration", 10.0))
    settings = {"request": "method"}
    chosen = {settings.get(name, name): given[name] for name in _REQUEST | {"data"} if name in given}
    rows = given.get("rows", (1,))
    if len(rows) > 1:
        raise click.UsageError(f"--rows: expected one count for a URL, got {len(rows)}")
    say("asking once")
    prepared = [
        prepare(target, **chosen, rows=rows[0], timeout=plan.timeout, name=name)
        for target, name in zip(targets, _names(targets), strict=True)
    ]
    return measure_servers(
        prepared,
        plan,
        rounds=given.get("rounds", 1 if len(targets) == 1 else 7),
        knee_p99=given.get("knee"),
        progress=lambda step: say(str(step)),
    )


def _names(urls: tuple[str, ...]) -> list[str]:
    """What to call them: by the path alone, where all are on one server."""
    parts = [url.split("/", 3) for url in urls]
    hosts = {host for _, _, host, *_ in parts}
    if len(hosts) == 1 and len(urls) > 1:
        return ["/" + "/".join(path) for _, _, _, *path in parts]
    return ["/".join(rest) for _, _, *rest in parts]


def _show(measurement: Measurement, *, as_json: bool, report: Path | None) -> None:
    """Print it, write the report, and fail if it is not whole: what was measured is shown all the same."""
    import msgspec

    from skerry.bench.terminal import table

    click.echo(msgspec.json.encode(measurement).decode() if as_json else table(measurement))
    if report is not None:
        from skerry.bench.report import write_report

        write_report(measurement, report)
        click.echo(f"report: {report}", err=True)
    if not measurement.complete:
        raise BenchError("the measurement was broken off; what is shown is a part of it")
    if failed := failures(measurement):
        raise BenchError(failed)


def failures(measurement: Measurement) -> str | None:
    """What went wrong while it was measured, in one line; a rate sweep overloads the server on purpose."""
    kinds: Counter[str] = Counter()
    for run in getattr(measurement, "runs", ()):
        kinds.update(run.errors)
    if getattr(measurement, "knees", ()):
        kinds = Counter({kind: count for kind, count in kinds.items() if kind not in ("unanswered", "timeout")})
    if not kinds:
        return None
    told = ", ".join(f"{kind} ({count:,})" for kind, count in kinds.most_common())
    return f"{sum(kinds.values()):,} requests failed: {told}"
