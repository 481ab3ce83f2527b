"""``skerry serve``: its options become the values that the server is made of."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from click.testing import CliRunner

from skerry.cli.main import run
from skerry.cli.serve import GROUPS, configured, serve
from skerry.runtime.batching.queue import BatchPolicy
from skerry.runtime.limits import ConnectionLimits, Limits
from skerry.runtime.observability.telemetry import TelemetryConfig
from skerry.runtime.request_policy import RequestPolicy
from skerry.runtime.server import ServerConfig
from skerry.runtime.session import SessionConfig

EVERY = """
models --host 0.0.0.0 --port 0 --workers 3 --threads 2 --default-model a --no-strict --admin
--provider cuda --provider-fallback warn --grace 5 --timeout 2 --max-batch-size 8
--max-queue-delay 0.002 --max-queue-size 7 --max-queue-rows 70 --max-body 100 --max-rows 10
--max-elements 50 --extra-columns ignore --redact --max-target 64 --max-head 128
--max-headers 9 --head-timeout 1 --body-timeout 2 --write-timeout 3 --idle-timeout 4
--min-rate 1000 --no-server-timing --access-log - --access-log-clients none --tracing
"""


def config(*arguments: str) -> Any:
    return configured(**serve.make_context("serve", list(arguments)).params)


def test_the_defaults_are_those_of_the_server() -> None:
    assert config() == ServerConfig(session=SessionConfig(provider="auto"))


def test_every_option_is_said_to_the_server() -> None:
    assert config(*shlex.split(EVERY)) == ServerConfig(
        repository="models",
        host="0.0.0.0",
        port=0,
        workers=3,
        default_model="a",
        strict=False,
        admin=True,
        grace_seconds=5,
        requests=RequestPolicy(
            limits=Limits(max_body=100, max_rows=10, max_elements=50), extra_columns="ignore", redacted=True
        ),
        batching=BatchPolicy(max_batch_size=8, max_queue_delay=0.002, max_queue_size=7, max_queue_rows=70, timeout=2.0),
        session=SessionConfig(intra_op_num_threads=2, provider="cuda", fallback="warn"),
        connection=ConnectionLimits(
            max_target=64,
            max_head=128,
            max_headers=9,
            min_rate=1000,
            head_seconds=1.0,
            body_seconds=2.0,
            write_seconds=3.0,
            idle_seconds=4.0,
        ),
        telemetry=TelemetryConfig(server_timing=False, access_log="-", clients="none", tracing=True),
    )


def test_workers_may_be_left_to_the_server() -> None:
    assert config("--workers", "auto").workers == 0


@pytest.mark.parametrize("given", ["many", "0.5", "-1", "257"])
def test_a_wrong_number_of_workers_is_wrong_usage(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--workers", given]) == 2
    assert "--workers" in capsys.readouterr().err


def test_cuda_that_is_not_there_keeps_the_server_from_starting(
    capsys: pytest.CaptureFixture[str], iris_artifact: Any
) -> None:
    assert run(["serve", str(iris_artifact.directory), "--port", "0", "--provider", "cuda"]) == 7
    assert capsys.readouterr().err.startswith("error[server_failed]: provider cuda: ")


def test_the_help_shows_every_option_in_its_group() -> None:
    shown = CliRunner().invoke(serve, ["--help"]).output
    for title, options in GROUPS.items():
        section = shown.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert [option.opts[0] for option in options if f"  {option.opts[0]}" not in section] == []


def test_the_help_shows_what_is_done_without_an_option() -> None:
    shown = " ".join(CliRunner().invoke(serve, ["--help"]).output.split())
    assert "Bytes of a body, as sent and as unpacked. [default: 16 MiB]" in shown
    assert "--threads N Threads of a run, in each worker. [default: the cores that a worker has]" in shown
