"""A big forest, converted by Skerry and by skl2onnx, and scikit-learn itself, side by side in one run.

    python -m skerry.bench.measured.forest [--trees 200] [--rows 10000] [--markdown FILE]

RandomForestClassifier on 40,000 rows of 30 columns and five classes, unrestricted: about three million
nodes. Each conversion runs in a process of its own, whose memory above the fitted forest is measured
at its highest. Latencies are interleaved, medians of several; at one row, every call has another row.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from skerry.bench.measured.conversion import Conversion
from skerry.bench.measured.page import keep_page, page_options
from skerry.bench.stock import convert
from skerry.runtime.compression import compress
from skerry.runtime.session import Session, SessionConfig

TRAINED, ALL, WIDTH = 40_000, 60_000, 30
ROUNDS, SINGLES, LOADS = 7, 300, 3
PREDICT, PROBABILITIES = "predict", "predict_proba"

Convert = Callable[[Any, np.ndarray], bytes]


def with_skerry(forest: Any, X: np.ndarray) -> bytes:
    """The graph that ``export`` writes, without its gate."""
    return Conversion.of(forest, X[:1]).content((PREDICT, PROBABILITIES))


def with_skl2onnx(forest: Any, X: np.ndarray) -> bytes:
    """skl2onnx's graph for float32 rows, with plain arrays for probabilities."""
    return convert(forest, X[:1], "float32")


@dataclass
class Contender:
    """One way to answer, and what was measured of it: seconds and bytes."""

    name: str
    run: Callable[[np.ndarray, int], Any]
    conversion: float = 0.0
    memory: int = 0
    size: int = 0
    compressed: int = 0
    load: float = 0.0
    latency: dict[tuple[int, int], float] = field(default_factory=dict)


def fitted(trees: int) -> tuple[Any, np.ndarray]:
    """The forest, and rows it has not seen."""
    X, y = make_classification(ALL, WIDTH, n_informative=15, n_classes=5, flip_y=0.1, random_state=0)
    return RandomForestClassifier(trees, n_jobs=-1, random_state=0).fit(X[:TRAINED], y[:TRAINED]), X[TRAINED:]


def converted(convert_to: Convert, forest: Any, X: np.ndarray) -> tuple[bytes, float, int]:
    """The model, seconds, and how many bytes more than before the conversion held at its highest (Linux)."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def work() -> None:
        convert_to(RandomForestClassifier(2).fit(X[:100], X[:100, 0] > 0), X)  # imports are not conversion
        before = _resident(reset=True)
        start = perf_counter()
        model = convert_to(forest, X)
        seconds = perf_counter() - start
        sender.send_bytes(model)
        sender.send((seconds, _resident("VmHWM") - before))

    process = context.Process(target=work)
    process.start()
    model = receiver.recv_bytes()
    seconds, memory = receiver.recv()
    process.join()
    return model, seconds, memory


def _resident(line: str = "VmRSS", *, reset: bool = False) -> int:
    """Bytes of this process's memory, now or at its highest (proc(5))."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return next(int(entry.split()[1]) * 1024 for entry in status.splitlines() if entry.startswith(line))


def contender(name: str, convert_to: Convert, forest: Any, X: np.ndarray, dtype: Any) -> Contender:
    model, seconds, memory = converted(convert_to, forest, X)
    loads, sessions = [], {}
    for threads in [1] * LOADS + [2]:
        start = perf_counter()
        sessions[threads] = Session(model, SessionConfig(intra_op_num_threads=threads))
        loads.append(perf_counter() - start)
    outputs = sessions[1].outputs
    source = sessions[1].inputs[0]

    def run(rows: np.ndarray, threads: int) -> Any:
        return sessions[threads].run({source: rows.astype(dtype, copy=False)}, outputs)

    return Contender(name, run, seconds, memory, len(model), len(compress(model)), median(loads))


def measure(contenders: list[Contender], X: np.ndarray, rows: int) -> None:
    """Latencies, taken in turns: one row at a time, and all rows, on one thread and on two."""
    for threads in (1, 2):
        taken: dict[str, list[float]] = {one.name: [] for one in contenders}
        for _ in range(ROUNDS):
            for one in contenders:
                start = perf_counter()
                one.run(X[:rows], threads)
                taken[one.name].append(perf_counter() - start)
        for one in contenders:
            one.latency[rows, threads] = median(taken[one.name][1:])
    singles: dict[str, list[float]] = {one.name: [] for one in contenders}
    for start_row in range(0, SINGLES * ROUNDS, SINGLES):
        for one in contenders:
            for row in range(start_row, start_row + (SINGLES if one.size else 5)):
                single = X[row % len(X)][None]
                start = perf_counter()
                one.run(single, 1)
                singles[one.name].append(perf_counter() - start)
    for one in contenders:
        one.latency[1, 1] = median(singles[one.name])


def differing_labels(ours: Contender, forest: Any, X: np.ndarray) -> int:
    return int((ours.run(X, 1)[0] != forest.predict(X)).sum())


def table(contenders: list[Contender], rows: int) -> str:
    """Markdown: one column per contender, and Skerry's ratio to skl2onnx."""
    ours, stock, sklearn = contenders
    lines: list[tuple[str, Callable[[Contender], float], str, float]] = [
        ("conversion, s", lambda one: one.conversion, "{:.2f}", 1),
        ("memory it takes, MB", lambda one: one.memory, "{:.0f}", 1e6),
        ("file, MB", lambda one: one.size, "{:.1f}", 1e6),
        ("file with zstd, MB", lambda one: one.compressed, "{:.1f}", 1e6),
        ("load, s", lambda one: one.load, "{:.2f}", 1),
        ("1 row, µs", lambda one: one.latency[1, 1], "{:.0f}", 1e-6),
        (f"{rows:,} rows, 1 thread, ms", lambda one: one.latency[rows, 1], "{:.0f}", 1e-3),
        (f"{rows:,} rows, 2 threads, ms", lambda one: one.latency[rows, 2], "{:.0f}", 1e-3),
    ]
    out = ["| | Skerry | skl2onnx | scikit-learn | skl2onnx / Skerry |", "| --- | --- | --- | --- | --- |"]
    for name, pick, form, unit in lines:
        cells = [form.format(pick(one) / unit) if pick(one) else "" for one in (ours, stock, sklearn)]
        out.append(f"| {name} | {' | '.join(cells)} | {pick(stock) / pick(ours):.1f} |")
    return "\n".join(out)


TITLE = """# A big forest

RandomForestClassifier, trees grown to the end, on 40,000 rows of `make_classification`: conversion, file, load and
latency, side by side in one run, medians of interleaved calls; at one row, another row each call. Conversion is without
the comparison with scikit-learn that `export` makes. Made by
`python -m skerry.bench.measured.forest --markdown docs/measured/forest.md`.

"""


def main() -> None:
    parser = page_options(__doc__)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000)
    arguments = parser.parse_args()
    forest, X = fitted(arguments.trees)
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    print(f"{arguments.trees} trees, {nodes:,} nodes", flush=True)

    def scikit_learn(rows: np.ndarray, threads: int) -> Any:
        return forest.set_params(n_jobs=threads).predict_proba(rows)

    contenders = [
        contender("Skerry", with_skerry, forest, X, np.float64),
        contender("skl2onnx", with_skl2onnx, forest, X, np.float32),
        Contender("scikit-learn", scikit_learn),
    ]
    measure(contenders, X, arguments.rows)
    wrong = [differing_labels(one, forest, X) for one in contenders[:2]]
    text = f"RandomForestClassifier, {arguments.trees} trees, {nodes:,} nodes, {WIDTH} columns, 5 classes.\n\n"
    text += table(contenders, arguments.rows)
    text += f"\n\nLabels that differ from scikit-learn's on {len(X):,} float64 rows: Skerry {wrong[0]}, skl2onnx {wrong[1]}.\n"
    print(text)
    keep_page(TITLE + text, arguments.markdown)


if __name__ == "__main__":
    main()
