"""``Tracer``: a span of OpenTelemetry for each request, made of its record when it is over.

The one file that imports OpenTelemetry, and only when a ``Tracer`` is made; the extra ``otel`` installs it. What its
environment variables say is followed: where to (``OTEL_TRACES_EXPORTER``, ``OTEL_EXPORTER_OTLP_*``), under which name
(``OTEL_SERVICE_NAME``), how many (``OTEL_TRACES_SAMPLER``); see
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points, version
from threading import Thread
from typing import Any

from skerry.runtime.errors import ServerError
from skerry.runtime.observability.ledger import OK, Record

PATIENCE = 5.0
"""Seconds that the end of the server waits for the last spans; an exporter tries again for longer."""

_HINT = "install `skerry[otel]`"


class Tracer:
    """Makes and exports spans. ``exporter`` is for those of other than the environment's choice.

    Raises:
        ServerError: OpenTelemetry, or the exporter that the environment names, is not installed.
    """

    def __init__(self, exporter: Any = None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.propagate import extract
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise ServerError("tracing: OpenTelemetry is not installed", hint=_HINT) from None
        name = {} if _setting("OTEL_SERVICE_NAME") else {"service.name": "skerry"}
        self._provider = TracerProvider(resource=Resource.create(name), shutdown_on_exit=False)
        for found in [exporter] if exporter else _exporters():
            self._provider.add_span_processor(BatchSpanProcessor(found))
        self._tracer = self._provider.get_tracer("skerry", version("skerry"))
        self._extract = extract
        self._server = trace.SpanKind.SERVER
        self._failed = trace.Status(trace.StatusCode.ERROR)

    def trace(self, record: Record, now: float, clock: float) -> None:
        """Make the span of a request; ``record`` learns its trace. ``now`` is the time since the epoch at ``clock``."""
        span = self._tracer.start_span(
            f"{record.key.operation or record.method} {record.key.model}".strip(),
            context=self._extract(_carrier(record)),
            kind=self._server,
            start_time=_nanoseconds(now + record.began - clock),
            attributes=_asked(record),
        )
        record.trace_id = f"{span.get_span_context().trace_id:032x}"
        if span.is_recording():
            span.set_attributes(_answered(record))
            if record.status >= 500:
                span.set_status(self._failed)
        span.end(_nanoseconds(now + record.ended - clock))

    def close(self) -> None:
        """Export what waits; who does not take it in ``PATIENCE`` seconds does not get it."""
        last = Thread(target=self._provider.shutdown, name="skerry-last-spans", daemon=True)
        last.start()
        last.join(PATIENCE)


def _carrier(record: Record) -> dict[str, str]:
    found = {"traceparent": record.traceparent, "tracestate": record.tracestate}
    return {name: value.decode("latin-1") for name, value in found.items() if value is not None}


def _asked(record: Record) -> dict[str, str | int]:
    """Attributes that a sampler may go by (semantic conventions for HTTP servers)."""
    return {
        "http.request.method": record.method,
        "url.path": record.path,
        "skerry.operation": record.key.operation,
        "skerry.model.name": record.key.model,
        "skerry.model.version": record.key.version,
    }


def _answered(record: Record) -> dict[str, str | int | float]:
    """Times of steps are in seconds."""
    attributes: dict[str, str | int | float] = {
        "http.response.status_code": record.status,
        "http.request.body.size": record.request_size,
        "http.response.body.size": record.answer_size,
        "skerry.request.id": record.request_id,
        "skerry.rows": record.rows,
        "skerry.batch.rows": record.batch,
        "skerry.parse": record.parse,
        "skerry.queue": record.queue,
        "skerry.infer": record.infer,
        "skerry.encode": record.encode,
    }
    return attributes if record.outcome == OK else attributes | {"error.type": record.outcome}


def _exporters() -> list[Any]:
    """What ``OTEL_TRACES_EXPORTER`` names, found as OpenTelemetry's packages announce it."""
    names = [name.strip() for name in (_setting("OTEL_TRACES_EXPORTER") or "otlp").split(",")]
    return [_exporter(name) for name in names if name != "none"]


def _exporter(name: str) -> Any:
    group = "opentelemetry_traces_exporter"
    protocol = _setting("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or _setting("OTEL_EXPORTER_OTLP_PROTOCOL")
    announced = name if name != "otlp" else "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    found = [entry.load() for entry in entry_points(group=group, name=announced)]
    if not found:
        known = sorted({entry.name for entry in entry_points(group=group)})
        raise ServerError(
            f"tracing: OTEL_TRACES_EXPORTER: expected one of {', '.join([*known, 'none'])}, got {name!r:.80}",
            hint=_HINT,
        )
    return found[0]()


def _setting(name: str) -> str:
    return os.environ.get(name, "")


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
