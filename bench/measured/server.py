"""What the server costs beside the model, and whether it holds: speed, batching, footprint, bad requests, swaps.

    python -m skerry.bench.measured.server [--only PART ...] [--markdown FILE]

The server is pinned to one core and the load generator to another, where the system lets it; what is compared was measured
in turns, in one run. It takes about eight minutes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import msgspec
import numpy as np

from skerry.bench.benchmarks.contest import PEERS, bound_to, two_cores
from skerry.bench.benchmarks.environments import Environment
from skerry.bench.benchmarks.running import HOST, Running, await_answer, start
from skerry.bench.benchmarks.servers import CONSTANT, MODEL, SERVERS, SKERRY
from skerry.bench.benchmarks.workload import Workload, make_exchanges, make_workload
from skerry.bench.http.exchange import Exchange, SameBytes, build_request
from skerry.bench.http.generator import Address
from skerry.bench.http.open_inference import HEADER_LENGTH, RightOutputs
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.target import Prepared
from skerry.bench.measured import batching, footprint
from skerry.bench.measured.border import (
    ACCEPTED,
    REFUSED,
    SERVER_FAULT,
    SHAPELESS,
    WRONG_ANSWER,
    Border,
    measure_border,
)
from skerry.bench.measured.page import measure_page, page_options
from skerry.bench.measured.rounds import Runs, as_target, busiest, difference, medians, rates, ratio, take_turns
from skerry.bench.measured.swaps import CONNECTIONS, measure_swaps
from skerry.runtime.artifact import Artifact
from skerry.runtime.session import Session, SessionConfig

ROUNDS, SECONDS, WARMUP = 6, 1.2, 0.2
ROWS, BINARY = 100, "/binary"
BAD_REQUESTS, SEED = 100_000, 0
ANSWERS, SWAPS = 200_000, 50
IRIS = Path("artifacts/iris")
STARTED, MEMORY, PACKAGES, GROWTH = 1.0, 110, 20, 32
"""Goals: seconds, MB, a count, and MiB."""

INFER = "Skerry /infer"
CONSTANT_BINARY, INFER_BINARY = "constant answer, binary tensors", "Skerry /infer, binary tensors"

Say = Callable[[str], None]


# one row, and 100


@dataclass(frozen=True)
class Beside:
    """The constant app and Skerry, which run, and what they are sent."""

    workload: Workload
    running: dict[str, Running]

    def target(self, name: str, rows: int) -> Prepared:
        """JSON to one of the routes of docs/benchmarks.md."""
        running, route = next(
            (running, route)
            for running in self.running.values()
            for route in running.server.routes
            if route.name == name
        )
        return _target(name, running, make_exchanges(route, self.workload, rows, _host(running)))

    def binary_targets(self) -> list[Prepared]:
        """The same request, to Skerry and to the constant app."""
        constant, skerry = self.running["constant answer"], self.running["Skerry"]
        return [
            _target(CONSTANT_BINARY, constant, [_binary(constant, BINARY, rows, None) for rows, _ in self._samples()]),
            _target(
                INFER_BINARY,
                skerry,
                [_binary(skerry, f"/v2/models/{MODEL}/infer", rows, answer) for rows, answer in self._samples()],
            ),
        ]

    def _samples(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return self.workload.samples(ROWS)


def _host(running: Running) -> str:
    return f"{HOST}:{running.port}"


def _target(name: str, running: Running, exchanges: Sequence[Exchange]) -> Prepared:
    return as_target(name, Address(HOST, running.port), exchanges)


def _binary(running: Running, path: str, rows: np.ndarray, answer: np.ndarray | None) -> Exchange:
    """A request of binary tensors; of the constant app, which has no ``answer``, so many bytes are expected."""
    tensor = {"name": "X", "shape": rows.shape, "datatype": "FP64", "parameters": {"binary_data_size": rows.nbytes}}
    outputs = [{"name": "predict_proba", "parameters": {"binary_data": True}}]
    header = msgspec.json.encode({"inputs": [tensor], "outputs": outputs})
    headers = (("Content-Type", "application/octet-stream"), (HEADER_LENGTH, str(len(header))))
    request = build_request("POST", path, _host(running), headers, header + rows.astype("<f8").tobytes())
    if answer is None:
        return Exchange(request, len(rows), SameBytes(_constant_binary()))
    return Exchange(request, len(rows), RightOutputs({"predict_proba": answer.ravel().tolist()}))


def _constant_binary() -> bytes:
    """As many bytes as Skerry answers: a header of about 180, and two numbers a row."""
    return b"x" * (180 + ROWS * 2 * 8)


@contextmanager
def beside(say: Say) -> Iterator[Beside]:
    """Both servers on the first core, while the generator has the second."""
    cores = two_cores() or (None, None)
    with tempfile.TemporaryDirectory(prefix="skerry-server-") as folder, ExitStack() as stack:
        say("fitting and exporting the model")
        workload = make_workload(PEERS / "fit.py", Path(folder) / "model")
        answers = json.loads(workload.answers.read_text()) | {BINARY: _constant_binary().decode()}
        workload.answers.write_text(json.dumps(answers))
        environment = Environment(Path(sys.prefix), PEERS / "skerry" / "requirements.txt")
        running = {}
        for server in SERVERS[:2]:
            places = {
                "folder": (PEERS / server.folder).absolute() if (PEERS / server.folder).is_dir() else PEERS.absolute(),
                "model": workload.folder / "model.joblib",
                "artifact": workload.artifacts,
                "answers": workload.answers,
            }
            log = Path(folder) / f"{server.folder}.log"
            running[server.name] = stack.enter_context(start(server, environment, places, log=log, core=cores[0]))
        found = Beside(workload, running)
        for each in running.values():
            await_answer(each, make_exchanges(each.server.routes[0], workload, 1, _host(each))[0])
        stack.enter_context(bound_to(cores[1]))
        yield found


def one_row(say: Say) -> Iterator[str]:
    """Requests per second and the median latency beside an app that does nothing."""
    with beside(say) as servers:
        targets = [servers.target(name, 1) for name in (CONSTANT, SKERRY, INFER)]
        say("one row, 32 connections")
        many = take_turns(targets, LoadPlan(connections=32, duration=SECONDS, warmup=WARMUP), ROUNDS)
        say("one row, 1 connection")
        single = take_turns(targets, LoadPlan(connections=1, duration=SECONDS, warmup=WARMUP), ROUNDS)
    yield "| route | requests/s on 32 connections | of the constant app's | goal | p50 on 1 connection | above the constant app's | goal |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name in many:
        cells = [
            name,
            f"{median(rates(many[name])):,.0f}",
            "",
            "",
            f"{1e6 * median(medians(single[name])):,.1f} µs",
            "",
            "",
        ]
        if name != CONSTANT:
            cells[2:4] = [ratio(rates(many[name]), rates(many[CONSTANT])), "at least 0.50"]
            cells[5:] = [difference(medians(single[name]), medians(single[CONSTANT]), 1e-6, "µs"), "at most 35"]
        yield f"| {' | '.join(cells)} |"
    yield _of_generator(many)


def _of_generator(found: Runs) -> str:
    share = busiest(found)
    limit = ": it may have been the limit, and the ratios are then flattering" if share > 0.95 else ""
    return f"\nThe generator was busy up to {share:.0%} of the time{limit}."


def hundred_rows(say: Say) -> Iterator[str]:
    """JSON, and binary tensors beside what the app that does nothing and the bare session would allow."""
    with beside(say) as servers:
        json_targets = [servers.target(name, ROWS) for name in (CONSTANT, SKERRY, INFER)]
        session: list[float] = []
        say("100 rows")
        plan = LoadPlan(connections=32, duration=SECONDS, warmup=WARMUP)
        found = take_turns(
            [*json_targets, *servers.binary_targets()],
            plan,
            ROUNDS,
            lambda _: session.append(_bare_session(servers.workload)),
        )
    allowed = [1 / (1 / rate + bare) for rate, bare in zip(rates(found[CONSTANT_BINARY]), session, strict=True)]
    yield "| route | requests/s on 32 connections | rows/s | of the constant app's | of what is allowed | goal |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, runs in found.items():
        rate = median(rates(runs))
        base = CONSTANT_BINARY if "binary" in name else CONSTANT
        of_base = "" if name == base else ratio(rates(runs), rates(found[base]))
        of_allowed = ratio(rates(runs), allowed) if name == INFER_BINARY else ""
        yield f"| {name} | {rate:,.0f} | {ROWS * rate:,.0f} | {of_base} | {of_allowed} | {'at least 0.75' if of_allowed else ''} |"
    yield (
        f"\nThe bare session takes {1e6 * median(session):,.1f} µs for {ROWS} rows on the server's core, and the constant app "
        f"{1e6 / median(rates(found[CONSTANT_BINARY])):,.1f} µs for a request of that size: together they allow "
        f"{median(allowed):,.0f} requests/s." + _of_generator(found).replace("\n", " ")
    )


def _bare_session(workload: Workload, calls: int = 300) -> float:
    """Median seconds of a call for 100 rows, on the server's core."""
    cores = two_cores()
    session = Session(
        Artifact.open(workload.artifacts / MODEL / "1").read()["model.onnx"], SessionConfig(intra_op_num_threads=1)
    )
    feeds = [{session.inputs[0]: np.ascontiguousarray(rows)} for rows, _ in workload.samples(ROWS)]
    taken = []
    with bound_to(cores and cores[0]):
        for number in range(calls):
            began = perf_counter()
            session.run(feeds[number % len(feeds)], ["predict_proba"])
            taken.append(perf_counter() - began)
    return median(taken)


# the rest


def starts(say: Say) -> Iterator[str]:
    """A plain install in an environment of its own."""
    say("installing, and starting a few times")
    found = footprint.measure(IRIS, ".")
    yield "| what | measured | goal |"
    yield "| --- | --- | --- |"
    yield f"| start of `skerry serve` to the first ready answer | {found.start_time:.2f} s | at most {STARTED:.1f} |"
    yield f"| resident memory of a worker then | {found.resident_memory / 1e6:.0f} MB | at most {MEMORY} |"
    yield f"| packages, with skerry itself | {found.packages} | at most {PACKAGES} |"
    yield f"| bytes of the install | {found.install_size / 1e6:.0f} MB | |"


def bad_requests(say: Say) -> Iterator[str]:
    """What became of them, by layer."""
    cores = two_cores()
    with bound_to(cores and cores[1]):
        found = measure_border(BAD_REQUESTS, SEED, say, core=cores and cores[0])
    yield from _of_border(found)


def _of_border(found: Border) -> Iterator[str]:
    counts, faults = found.findings.counts, found.findings
    outcomes = sorted({outcome for _, outcome in counts}, key=lambda outcome: (outcome != "answered", outcome))
    yield f"| layer | requests | {' | '.join(outcomes)} |"
    yield f"| --- | --- {'| --- ' * len(outcomes)}|"
    for layer in dict.fromkeys(layer for layer, _ in sorted(counts)):
        cells = [counts[layer, outcome] for outcome in outcomes]
        yield f"| {layer} | {sum(cells):,} | {' | '.join(f'{count:,}' for count in cells)} |"
    yield ""
    for kind in (SERVER_FAULT, WRONG_ANSWER, ACCEPTED, REFUSED, SHAPELESS):
        yield f"- {kind}: {faults.count(kind)}"
        yield from (f"  - `{text[:300]}`" for text in faults.faults.get(kind, [])[:3])
    yield f"- growth of the server's resident memory: {found.growth / 2**20:.1f} MiB (goal: at most {GROWTH})"


def swaps(say: Say) -> Iterator[str]:
    """Verified answers, while versions are swapped."""
    cores = two_cores()
    with bound_to(cores and cores[1]):
        found = measure_swaps(ANSWERS, SWAPS, say, core=cores and cores[0])
    yield "| verified answers | swaps | wrong | failed |"
    yield "| --- | --- | --- | --- |"
    yield f"| {found.verified:,} | {found.swaps} | {found.wrong:,} | {found.failed:,} |"
    yield from (f"\n{kind}: {text}" for kind, text in found.examples.items())


PARTS: dict[str, tuple[str, str, Callable[[Say], Iterator[str]]]] = {
    "row": (
        "One row",
        "Gradient boosting of 30 numbers, in JSON, everything on that is on by default, beside a bare ASGI app under uvicorn\n"
        f"that answers a constant of as many bytes; {ROUNDS} rounds of {SECONDS:g} seconds in turns, medians, and intervals that hold\n"
        "the ratio with 95% confidence. Other servers are in [benchmarks](../benchmarks.md).",
        one_row,
    ),
    "rows": (
        "A hundred rows",
        "The same model. What is allowed: one request after the other takes what the constant app takes for it, and what the\n"
        "bare session takes for its rows, on the same core in the same run.",
        hundred_rows,
    ),
    "batching": (
        "Batching",
        "One row in JSON by two servers on one core, one of which has batching turned off (`--max-batch-size 1`), in turns:\n"
        f"{batching.ROUNDS} rounds of {batching.SECONDS:g} seconds. Every answer is compared with scikit-learn's.",
        batching.table,
    ),
    "start": (
        "Start and weight",
        f"A plain install in a fresh environment, serving iris; medians of {footprint.STARTS} starts.",
        starts,
    ),
    "bad": (
        "Bad requests",
        f"{BAD_REQUESTS:,} different requests made by hypothesis with something wrong, or changed at random, and good ones between\n"
        "them, to two models: one of an array, one of columns of every datatype. A good one must be answered, a bad one refused\n"
        "with 4xx and an `error` that says why, and whatever is answered must be what scikit-learn says of the rows that\n"
        "another, strict reader finds in the request.",
        bad_requests,
    ),
    "swaps": (
        "Swaps",
        f"{CONNECTIONS} connections ask a model in three versions without naming one, while aliases are set and deleted, and versions\n"
        "unloaded, loaded and rolled back. Every answer must be right for the version that it names.",
        swaps,
    ),
}

TITLE = """# The server

What it costs beside the model, and whether it holds. Made by
`python -m skerry.bench.measured.server --markdown docs/measured/server.md`.
"""


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text[:118]:118}", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = page_options(__doc__)
    parser.add_argument("--only", nargs="*", choices=[*PARTS], default=[*PARTS], metavar="PART", help=", ".join(PARTS))
    arguments = parser.parse_args()
    chosen = (PARTS[name] for name in arguments.only)
    measure_page(TITLE, ((heading, text, lines(_tell)) for heading, text, lines in chosen), arguments.markdown)


if __name__ == "__main__":
    main()
