"""Skerry beside other servers: docs/benchmarks.json, docs/benchmarks.md, its picture, and the README's table.

    python -m skerry.bench.benchmarks [--only NAME ...] [--pages]

Run it in the root of the repository. A server that cannot be installed, started or measured is named and left out; the
exit status is then 1.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from skerry.bench.benchmarks.comparison import read_comparison, write_comparison
from skerry.bench.benchmarks.contest import Settings, compare_servers
from skerry.bench.benchmarks.page import write_pages
from skerry.bench.benchmarks.servers import SERVERS
from skerry.runtime.errors import SkerryError

RESULTS = "benchmarks.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, and say with the exit status whether all servers are in: 0 if so, 1 if not, 5 without a result."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        return _write_pages(options) if options.pages else _measure(options)
    except SkerryError as error:
        print(f"error[{error.code}]: {error.text}" + (f" ({error.hint})" if error.hint else ""), file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        print("stopped; all servers are ended, nothing is written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure Skerry beside other servers.")
    names = [server.name for server in SERVERS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help="servers, by name")
    parser.add_argument("--rounds", type=int, default=Settings.rounds, help="default: %(default)s; 6 give intervals")
    parser.add_argument(
        "--duration", type=float, default=Settings.duration, help="seconds a round (default: %(default)s)"
    )
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where the page goes (default: %(default)s)")
    parser.add_argument(
        "--readme", type=Path, default=Path("README.md"), help="what has the table (default: %(default)s)"
    )
    parser.add_argument(
        "--pages", action="store_true", help="measure nothing, write page and table of the last results"
    )
    return parser


def _measure(options: argparse.Namespace) -> int:
    servers = [server for server in SERVERS if server.name in options.only]
    settings = Settings(servers=servers, rounds=options.rounds, duration=options.duration)
    comparison = compare_servers(settings, _say)
    options.docs.mkdir(parents=True, exist_ok=True)
    write_comparison(comparison, options.docs / RESULTS)
    write_pages(comparison, options.docs, options.readme)
    for name, reason in comparison.left_out.items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    print(f"{options.docs / 'benchmarks.md'} and {options.readme} are written, in {comparison.took / 60:.1f} minutes")
    return 1 if comparison.left_out else 0


def _write_pages(options: argparse.Namespace) -> int:
    write_pages(read_comparison(options.docs / RESULTS), options.docs, options.readme)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _leave(*unused: object) -> None:
    """SIGTERM ends us as Ctrl-C does, so that the servers are stopped, also where an event loop has the word."""
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
