"""Spans, as OpenTelemetry's own SDK exports them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from skerry.runtime.errors import ServerError
from skerry.runtime.observability import tracing
from skerry.runtime.observability.ledger import Key, Record
from skerry.runtime.observability.tracing import Tracer

memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def record(**changed: object) -> Record:
    found = Record(
        Key("iris", 1, "infer"),
        5.0,
        "POST",
        "/v2/models/iris/infer",
        rows=2,
        batch=4,
        parse=1e-5,
        infer=2e-5,
        ended=5.5,
    )
    for name, value in changed.items():
        setattr(found, name, value)
    return found


def spans_of(*records: Record) -> list[object]:
    exporter = memory.InMemorySpanExporter()
    tracer = Tracer(exporter)
    for one in records:
        tracer.trace(one, now=1_790_000_000.0, clock=5.0)
    tracer.close()
    return list(exporter.get_finished_spans())


def test_a_span_says_when_and_how_a_request_went() -> None:
    (span,) = spans_of(record(request_id="abc"))
    assert (span.name, span.kind.name) == ("infer iris", "SERVER")  # type: ignore[attr-defined]
    assert (span.start_time, span.end_time) == (1_790_000_000_000_000_000, 1_790_000_000_500_000_000)  # type: ignore[attr-defined]
    assert dict(span.attributes) == {  # type: ignore[attr-defined]
        "http.request.method": "POST",
        "url.path": "/v2/models/iris/infer",
        "skerry.operation": "infer",
        "skerry.model.name": "iris",
        "skerry.model.version": 1,
        "http.response.status_code": 200,
        "http.request.body.size": 0,
        "http.response.body.size": 0,
        "skerry.request.id": "abc",
        "skerry.rows": 2,
        "skerry.batch.rows": 4,
        "skerry.parse": 1e-5,
        "skerry.queue": 0.0,
        "skerry.infer": 2e-5,
        "skerry.encode": 0.0,
    }
    assert span.resource.attributes["service.name"] == "skerry"  # type: ignore[attr-defined]


def test_a_span_belongs_to_the_clients_trace() -> None:
    given = record(traceparent=f"00-{TRACE}-{PARENT}-01".encode(), tracestate=b"vendor=1")
    (span,) = spans_of(given)
    assert f"{span.context.trace_id:032x}" == TRACE == given.trace_id  # type: ignore[attr-defined]
    assert f"{span.parent.span_id:016x}" == PARENT  # type: ignore[attr-defined]
    assert span.context.trace_state.get("vendor") == "1"  # type: ignore[attr-defined]


def test_what_the_client_does_not_sample_is_not_exported() -> None:
    assert spans_of(record(traceparent=f"00-{TRACE}-{PARENT}-00".encode())) == []


@pytest.mark.parametrize(
    "header", [b"", b"x" * 10_000, f"00-{'0' * 32}-{PARENT}-01".encode(), f"ff-{TRACE}-{PARENT}-01".encode(), b"\xff"]
)
def test_a_malformed_trace_begins_a_new_one(header: bytes) -> None:
    (span,) = spans_of(record(traceparent=header, tracestate=b"\xff=,=="))
    assert span.parent is None  # type: ignore[attr-defined]


def test_a_refusal_says_why_and_a_fault_of_ours_is_an_error() -> None:
    refused, failed = spans_of(
        record(status=400, outcome="invalid_input"), record(status=500, outcome="internal_error")
    )
    assert (refused.attributes["error.type"], refused.status.status_code.name) == ("invalid_input", "UNSET")  # type: ignore[attr-defined]
    assert (failed.attributes["error.type"], failed.status.status_code.name) == ("internal_error", "ERROR")  # type: ignore[attr-defined]


def test_the_environment_chooses_the_exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    Tracer().close()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "pigeon")
    with pytest.raises(ServerError, match=r"expected one of .*none, got 'pigeon'"):
        Tracer()


def test_nobody_waits_long_for_a_collector_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "PATIENCE", 0.05)
    released = threading.Event()
    exporter = memory.InMemorySpanExporter()
    monkeypatch.setattr(exporter, "export", lambda spans: released.wait(20))
    tracer = Tracer(exporter)
    tracer.trace(record(), now=1_790_000_000.0, clock=5.0)
    began = time.monotonic()
    tracer.close()
    assert time.monotonic() - began < 10
    released.set()


def test_nothing_of_it_is_imported_unless_it_is_wanted() -> None:
    program = "import sys, skerry.runtime.server; print([name for name in sys.modules if 'opentelemetry' in name])"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"


def test_without_opentelemetry_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from skerry.runtime.errors import ServerError\nfrom skerry.runtime.observability.tracing import Tracer\n"
        "try: Tracer()\nexcept ServerError as error: print(error.text, '|', error.hint)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout == "tracing: OpenTelemetry is not installed | install `skerry[otel]`\n"
