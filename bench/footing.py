"""What a model costs before its first answer: load time, first call and memory, each time in a fresh process.

    python -m skerry.bench.footing artifacts/iris/1 [--threads 1] [--methods predict,predict_proba]
    python -m skerry.bench.footing model.onnx --methods LABELS,SCORES < first_row.pickle
    python -m skerry.bench.footing model.skops --methods predict --trust-type NAME < first_row.pickle

prints one JSON object, in seconds and bytes. What is imported is imported before anything is measured: an estimator's
file is loaded twice for that, and the second time counts; its ``n_jobs`` is as fitted. An artifact is loaded as a
server does it, golden rows and all, so its first call is the first after these.
"""

from __future__ import annotations

import argparse
import gc
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import psutil

from skerry.runtime.artifact import GOLDEN, Artifact
from skerry.runtime.errors import BenchError, SkerryError
from skerry.runtime.golden import decode_golden
from skerry.runtime.model import load
from skerry.runtime.session import Session, SessionConfig

Run = Callable[[Any], object]
Methods = tuple[str, ...]
ESTIMATORS = (".skops", ".joblib", ".pkl")
ONNX = ".onnx"


class Footing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds to a ready model, seconds of its first call with one row, bytes that the process grew by loading it."""

    load: float
    first_call: float
    resident_memory: int


def stand(arguments: Sequence[str], row: Any = None, *, threads: int = 1) -> Footing:
    """Load a model in a fresh process; ``arguments`` are those of this module, ``row`` one row as the model takes it.

    Raises:
        BenchError: it does not load or answer there.
    """
    command = [sys.executable, "-m", "skerry.bench.footing", *arguments, "--threads", str(threads), "--row-from-stdin"]
    done = subprocess.run(command, input=pickle.dumps(row), capture_output=True)
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise BenchError(f"{arguments[0]}: cannot be loaded in a process of its own: {last[:300]}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Footing)


def measure(open_model: Callable[[], Run], row: Any) -> Footing:
    """Load and call, once, in this process."""
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    start = perf_counter()
    run = open_model()
    loaded = perf_counter()
    after = process.memory_info().rss
    called = perf_counter()
    run(row)
    answered = perf_counter()
    return Footing(load=loaded - start, first_call=answered - called, resident_memory=max(0, after - before))


def _open_artifact(path: Path, methods: Methods, threads: int) -> Run:
    model = load(path, SessionConfig(intra_op_num_threads=threads))
    asked = methods or model.manifest.methods
    return lambda rows: model.answer(rows if type(rows) is dict else model.feeds.from_rows(rows), asked)


def _open_onnx(path: Path, methods: Methods, threads: int) -> Run:
    session = Session(path.read_bytes(), SessionConfig(intra_op_num_threads=threads))
    return lambda feeds: session.run(feeds, methods or session.outputs)


def _open_estimator(path: Path, methods: Methods, trust: dict[str, Any]) -> Run:
    from skerry.export.data import load_estimator

    estimator = load_estimator(path, **trust)
    asked = [getattr(estimator, method) for method in methods]
    return lambda rows: [method(rows) for method in asked]


def _golden_row(path: Path) -> dict[str, Any]:
    golden = decode_golden(Artifact.open(path).read()[GOLDEN])
    return {name: array[:1] for name, array in golden.feeds.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the footing of one model in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="an artifact, an .onnx file, or an estimator's")
    parser.add_argument("--methods", default="", help="what is called, separated by commas (default: all there is)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--trust-pickle", action="store_true")
    parser.add_argument("--trust-type", dest="trusted_types", action="append", default=[])
    parser.add_argument(
        "--row-from-stdin", action="store_true", help="of an artifact: not a golden row, but a pickle's"
    )
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    try:
        given = options.row_from_stdin or options.model.suffix in (*ESTIMATORS, ONNX)
        row = pickle.load(sys.stdin.buffer) if given else _golden_row(options.model)
        opener = _opener(options)
        kept = opener() if options.model.suffix in ESTIMATORS else None  # what it imports is not its own
        found = measure(opener, row)
        del kept
    except SkerryError as error:
        sys.exit(error.text)
    print(msgspec.json.encode(found).decode())


def _opener(options: argparse.Namespace) -> Callable[[], Run]:
    """What loads the model, by what it is."""
    methods: Methods = tuple(filter(None, options.methods.split(",")))
    if options.model.suffix in ESTIMATORS:
        trust = {"trust_pickle": options.trust_pickle, "trusted_types": options.trusted_types}
        return lambda: _open_estimator(options.model, methods, trust)
    open_model = _open_onnx if options.model.suffix == ONNX else _open_artifact
    return lambda: open_model(options.model, methods, options.threads)


if __name__ == "__main__":
    main()
