"""``skerry serve``."""

from __future__ import annotations

from typing import Any

import click


class _Option(click.Option):
    """An option that shows its default, and its bounds only to who crosses them."""

    def get_help_extra(self, ctx: click.Context) -> Any:
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        if "default" in extra:
            extra["default"] = extra["default"].strip("()")
        return extra


class _Workers(click.IntRange):
    """A number of processes, or ``auto``, which is 0."""

    name = "workers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return 0 if value in ("auto", 0) else super().convert(value, param, ctx)


def _count(flag: str, default: int, help: str, *, low: int = 1, high: int = 2**31 - 1, shown: str = "") -> _Option:
    return _Option(
        [flag],
        default=default,
        show_default=shown or True,
        type=click.IntRange(low, high),
        metavar="N",
        help=help,
    )


def _seconds(flag: str, default: float, help: str, *, zero: bool = False) -> _Option:
    kind = click.FloatRange(0, 86_400, min_open=not zero)
    return _Option([flag], default=default, show_default=True, type=kind, metavar="SECONDS", help=help)


def _choice(flag: str, default: str, choices: list[str], help: str) -> _Option:
    return _Option([flag], default=default, show_default=True, type=click.Choice(choices), help=help)


def _switch(flag: str, help: str, *, default: bool = False) -> _Option:
    return _Option([flag], is_flag=True, default=default, show_default=default, help=help)


GROUPS: dict[str, list[_Option]] = {
    "Models": [
        _Option(["--default-model"], metavar="NAME", help="The model behind /predict.  [default: the only one]"),
        _switch(
            "--strict/--no-strict",
            "Start only if every artifact can be served; else serve the others, and be not ready.",
            default=True,
        ),
        _switch("--admin", "Let clients load, unload, name and roll back versions of models."),
    ],
    "Address": [
        _Option(["--host"], default="127.0.0.1", show_default=True, metavar="HOST", help="The address to listen on."),
        _count("--port", 8000, "The port; 0 takes a free one.", low=0, high=65535),
    ],
    "Processes and devices": [
        _Option(
            ["--workers"],
            default="1",
            show_default=True,
            type=_Workers(1, 256),
            metavar="N|auto",
            help="Processes that answer, each with every model; auto goes by cores, memory and what the models cost.",
        ),
        _count(
            "--threads",
            0,
            "Threads of a run, in each worker.",
            low=0,
            high=1024,
            shown="the cores that a worker has",
        ),
        _choice(
            "--provider", "auto", ["auto", "cpu", "cuda"], "Where models run; auto is CUDA where there is a device."
        ),
        _choice(
            "--provider-fallback",
            "refuse",
            ["refuse", "warn"],
            "What is done where CUDA was asked for and is not there: not start, or say so and run on the CPU.",
        ),
    ],
    "Batching of models that gain from it": [
        _count("--max-batch-size", 64, "Rows that are run as one, at most."),
        _seconds("--max-queue-delay", 0.0, "How long the first of a batch waits for others.", zero=True),
        _count("--max-queue-size", 1024, "Requests that wait for a model; one more is answered 503."),
        _count("--max-queue-rows", 100_000, "Rows of these requests together."),
        _seconds("--timeout", 30.0, "How long a request that names no time of its own may wait to be run."),
    ],
    "Requests": [
        _count("--max-body", 16 * 2**20, "Bytes of a body, as sent and as unpacked.", shown="16 MiB"),
        _count("--max-rows", 100_000, "Rows of a request."),
        _count("--max-elements", 4 * 2**20, "Values of a tensor, or of a table.", shown="4,194,304"),
        _choice("--extra-columns", "refuse", ["refuse", "ignore"], "What is done with columns that a model has not."),
        _switch("--redact", "Leave what clients sent out of error messages."),
    ],
    "Connections": [
        _count("--max-target", 8 * 2**10, "Bytes of a path with its query.", shown="8 KiB"),
        _count("--max-head", 16 * 2**10, "Bytes of a request's headers, with its first line.", shown="16 KiB"),
        _count("--max-headers", 64, "Headers of a request."),
        _seconds("--head-timeout", 10.0, "How long headers may take to arrive."),
        _seconds("--body-timeout", 30.0, "How long a body may take, beside a second for each --min-rate bytes of it."),
        _seconds("--write-timeout", 30.0, "How long a client may take to read its answer, likewise."),
        _count("--min-rate", 64 * 2**10, "Bytes a second that a client must manage.", shown="64 KiB"),
        _seconds("--idle-timeout", 75.0, "How long a connection without a request stays open."),
        _count("--grace", 25, "Seconds that requests have left when the server is told to stop.", low=0),
    ],
    "What is told": [
        _switch("--server-timing/--no-server-timing", "Say in each answer where its time went.", default=True),
        _Option(["--access-log"], metavar="FILE", help="Write a line of JSON for each request; - is standard output."),
        _choice(
            "--access-log-clients",
            "network",
            ["none", "network", "address"],
            "What of a client's address is written there; network is its /24 or /48.",
        ),
        _switch("--tracing", "Export a span for each request, as OpenTelemetry's variables say."),
    ],
}
"""The options, as they are shown. Their defaults are those of the values that they are made into; a test compares them."""


class _Grouped(click.Command):
    """A command whose options are shown in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {title: [option.get_help_record(ctx) for option in options] for title, options in GROUPS.items()}
        records["Help"] = [option.get_help_record(ctx) for option in [self.get_help_option(ctx)] if option]
        for title, found in records.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(_WIDTH), text) for name, text in filter(None, found)], col_max=_WIDTH)


_WIDTH = 33
"""Of the options' names: the texts of all groups are below one another."""


def _serve(repository: str, **options: Any) -> None:
    """Serve every model of REPOSITORY (default: artifacts), or one model or artifact, over HTTP.

    \b
    Example:
      skerry serve artifacts --port 8000
      curl http://127.0.0.1:8000/predict -d '{"X": [[5.1, 3.5, 1.4, 0.2]]}'

    GET /docs is a page about the models that are served, with requests that work.
    """
    from skerry.runtime.server import serve as run

    run(configured(repository, **options), announce=click.echo)


def configured(repository: str, **options: Any) -> Any:
    """The ``ServerConfig`` that the options say."""
    from skerry.runtime.batching.queue import BatchPolicy
    from skerry.runtime.limits import ConnectionLimits, Limits
    from skerry.runtime.observability.telemetry import TelemetryConfig
    from skerry.runtime.request_policy import RequestPolicy
    from skerry.runtime.server import ServerConfig
    from skerry.runtime.session import SessionConfig

    def pick(*names: str, **renamed: str) -> dict[str, Any]:
        return {name: options[name] for name in names} | {name: options[option] for name, option in renamed.items()}

    return ServerConfig(
        repository=repository,
        **pick("host", "port", "workers", "default_model", "admin", "strict", grace_seconds="grace"),
        requests=RequestPolicy(
            limits=Limits(**pick("max_body", "max_rows", "max_elements")),
            **pick("extra_columns", redacted="redact"),
        ),
        batching=BatchPolicy(
            **pick("max_batch_size", "max_queue_delay", "max_queue_size", "max_queue_rows", "timeout")
        ),
        session=SessionConfig(**pick("provider", fallback="provider_fallback", intra_op_num_threads="threads")),
        connection=ConnectionLimits(
            **pick("max_target", "max_head", "max_headers", "min_rate"),
            **pick(head_seconds="head_timeout", body_seconds="body_timeout"),
            **pick(write_seconds="write_timeout", idle_seconds="idle_timeout"),
        ),
        telemetry=TelemetryConfig(**pick("server_timing", "access_log", "tracing", clients="access_log_clients")),
    )


serve = _Grouped(
    "serve",
    params=[
        click.Argument(["repository"], default="artifacts", type=click.Path()),
        *(option for options in GROUPS.values() for option in options),
    ],
    callback=_serve,
    help=_serve.__doc__,
)
