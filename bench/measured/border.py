"""Whether a server refuses every bad request, and answers rightly every other: requests sent and judged.

    python -m skerry.bench.measured.border [--requests 100000] [--seed 0]

Good requests must be answered, bad ones refused with 4xx and an ``error`` that says why. Whatever is answered must be what
scikit-learn says of the rows that were sent, as ``strict_reader`` finds them.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count as naturals
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import psutil
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from skerry.bench.http.exchange import difference
from skerry.bench.http.open_inference import decode_answer
from skerry.bench.measured.bad_requests.case import Case
from skerry.bench.measured.bad_requests.recipes import cases
from skerry.bench.measured.border_models import BorderModel, Row, make_models
from skerry.bench.measured.serving import Served, serving
from skerry.bench.measured.strict_reader import rows_sent

EXAMPLES, AT_ONCE = 8, 100
"""Examples of one seed of hypothesis, which from the tenth on makes most of them out of old ones; and requests in each."""
WARM = 4_000
"""Requests after which memory is looked at for the first time."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


Ask = Callable[[Case], Answer]


@dataclass
class Findings:
    """Requests by layer and by what became of them, and the first of each kind of fault."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=dict)

    bad: int = 0
    """Requests that were not good."""

    @property
    def requests(self) -> int:
        return self.counts.total()

    def count(self, kind: str) -> int:
        """Faults of a kind."""
        return len(self.faults.get(kind, ()))

    def note(self, kind: str, case: Case, text: str) -> None:
        self.faults.setdefault(kind, []).append(
            f"{text}: {case.method} {case.path:.80} {dict(case.headers)} {case.body[:300]!r}"
        )


SERVER_FAULT, WRONG_ANSWER, REFUSED, ACCEPTED, SHAPELESS = (
    "answers of 5xx",
    "wrong answers",
    "good requests refused",
    "bad requests answered",
    "errors that say nothing",
)


def make_cases(rows: Mapping[str, Sequence[Row]], count: int, first: int) -> Iterator[Case]:
    """Different requests, ``count`` that are not good among them; the same for each ``first`` seed."""
    seen: set[int] = set()
    for number in naturals(first):
        for case in _chunk(rows, number):
            key = hash((case.method, case.path, case.body, *case.headers.items()))
            if key not in seen:
                seen.add(key)
                count -= case.verdict != "good"
                yield case
            if not count:
                return


def _chunk(rows: Mapping[str, Sequence[Row]], number: int) -> list[Case]:
    made: list[Case] = []

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(cases(rows), min_size=AT_ONCE, max_size=AT_ONCE))
    def collect(drawn: list[Case]) -> None:
        made.extend(drawn)

    collect()
    return made


def try_all(
    requests: Iterable[Case],
    ask: Ask,
    models: Mapping[str, BorderModel],
    tell: Callable[[Findings], None] = lambda _: None,
) -> Findings:
    """Send and judge them all."""
    findings = Findings()
    answered: list[tuple[Case, Answer]] = []
    for case in requests:
        answer = ask(case)
        findings.counts[case.layer, _outcome(answer.status)] += 1
        findings.bad += case.verdict != "good"
        _judge(case, answer, findings)
        if answer.status == 200:
            answered.append((case, answer))
        if len(answered) >= 200:
            _verify(answered, models, findings)
            answered = []
            tell(findings)
    _verify(answered, models, findings)
    return findings


def _outcome(status: int) -> str:
    return "answered" if status == 200 else str(status)


def _judge(case: Case, answer: Answer, findings: Findings) -> None:
    status = answer.status
    if status >= 500 or status < 200:
        findings.note(SERVER_FAULT, case, f"{status} {answer.body[:200]!r}")
    elif case.verdict == "good" and status != 200:
        findings.note(REFUSED, case, f"{status} {answer.body[:200]!r}")
    elif case.verdict == "bad" and status == 200:
        findings.note(ACCEPTED, case, f"{answer.body[:200]!r}")
    elif status != 200 and not _says_why(answer.body):
        findings.note(SHAPELESS, case, f"{status} {answer.body[:200]!r}")


def _says_why(body: bytes) -> bool:
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return list(document) == ["error"] and isinstance(document["error"], str) and len(document["error"]) >= 5


def _verify(answered: Sequence[tuple[Case, Answer]], models: Mapping[str, BorderModel], findings: Findings) -> None:
    """Compare answers with scikit-learn's, for all requests to a model at once."""
    for name, model in models.items():
        known = [(case, answer) for case, answer in answered if f"/{name}/" in case.path]
        sent: list[tuple[Case, Answer, list[Row]]] = []
        for case, answer in known:
            try:
                sent.append((case, answer, rows_sent(case)))
            except Exception as error:  # whatever a reader raises, it did not find rows
                findings.note(WRONG_ANSWER, case, f"{error!r:.100} {answer.body[:200]!r}")
        for case, answer, expected in _expected(model, sent, findings):
            if wrong := _compare(case, answer, expected):
                findings.note(WRONG_ANSWER, case, wrong)


def _expected(
    model: BorderModel, sent: Sequence[tuple[Case, Answer, list[Row]]], findings: Findings
) -> Iterator[tuple[Case, Answer, dict[str, list[Any]]]]:
    """Each with scikit-learn's answers; halved where scikit-learn refuses, until it is known which."""
    if not sent:
        return
    try:
        found = model.answers([row for _, _, rows in sent for row in rows])
    except (ValueError, OverflowError) as error:
        if len(sent) == 1:
            findings.note(WRONG_ANSWER, sent[0][0], f"scikit-learn refuses it: {error!s:.100}")
            return
        half = len(sent) // 2
        yield from _expected(model, sent[:half], findings)
        yield from _expected(model, sent[half:], findings)
        return
    start = 0
    for case, answer, rows in sent:
        yield case, answer, {method: values[start : start + len(rows)] for method, values in found.items()}
        start += len(rows)


def _compare(case: Case, answer: Answer, expected: dict[str, list[Any]]) -> str | None:
    try:
        given = _given(case, answer.body, len(expected["predict"]))
    except (ValueError, KeyError, TypeError) as error:
        return f"no answer: {error!r:.100}"
    wrong = [difference(expected[method], values, method) for method, values in given.items() if method in expected]
    return next((text for text in wrong if text), None) if wrong else "nothing that was asked for"


def _given(case: Case, body: bytes, rows: int) -> dict[str, list[Any]]:
    """Method → its answer for each row."""
    if case.path.endswith("/infer"):
        outputs = decode_answer(body)
        return {
            name: _in_rows(tensor.data, rows) if name != "predict" else tensor.data for name, tensor in outputs.items()
        }
    document = json.loads(body)
    if "predictions" in document:
        values = document["predictions"]
        if isinstance(values[0], dict):
            return {"predict_proba": [value["probabilities"] for value in values]}
        return {"predict_proba" if isinstance(values[0], list) else "predict": values}
    names = {"predict": "prediction", "predict_proba": "probabilities"}
    return {method: document[name] for method, name in names.items() if name in document}


def _in_rows(data: list[Any], rows: int) -> list[Any]:
    width = len(data) // rows
    return [data[start : start + width] for start in range(0, len(data), width)]


# who is asked


class SocketAsker:
    """Asks a server over one connection, which is made anew when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def __enter__(self) -> SocketAsker:
        return self

    def __exit__(self, *unused: object) -> None:
        self._connection.close()

    def __call__(self, case: Case) -> Answer:
        try:
            return self._ask(case)
        except (http.client.RemoteDisconnected, ConnectionError):  # between two requests, as HTTP allows
            self._connection.close()
            return self._ask(case)

    def _ask(self, case: Case) -> Answer:
        self._connection.request(case.method, case.path, case.body, dict(case.headers))
        response = self._connection.getresponse()
        return Answer(response.status, response.read())


class AppAsker:
    """Asks an ASGI application in this process."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._runner = asyncio.Runner()

    def __enter__(self) -> AppAsker:
        self._runner.__enter__()
        return self

    def __exit__(self, *unused: object) -> None:
        self._runner.__exit__(None, None, None)

    def __call__(self, case: Case) -> Answer:
        return self._runner.run(self._ask(case))

    async def _ask(self, case: Case) -> Answer:
        messages: list[Any] = []
        requests = [{"type": "http.request", "body": case.body, "more_body": False}]

        async def receive() -> Any:
            return requests.pop() if requests else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            messages.append(message)

        await self._app(_scope(case), receive, send)
        return Answer(messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:]))


def _scope(case: Case) -> dict[str, Any]:
    path, _, query = case.path.partition("?")
    headers = {"content-length": str(len(case.body)), **{name.lower(): value for name, value in case.headers.items()}}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": case.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


# the measurement


class Border(NamedTuple):
    """What was found, and by how many bytes the server's memory grew from the first requests to the last."""

    findings: Findings
    growth: int


def measure_border(count: int, first: int, say: Callable[[str], None], core: int | None = None) -> Border:
    """Send ``count`` requests that are not good, and some that are, to a real server on ``core`` (any, if None)."""
    with tempfile.TemporaryDirectory(prefix="skerry-border-") as folder:
        models = make_models(Path(folder))
        rows = {name: model.rows for name, model in models.items()}
        with serving(Path(folder), core=core) as served, SocketAsker(served.port) as ask:
            memory = _Memory(served)
            findings = try_all(make_cases(rows, count, first), ask, models, _tell(say, count, memory))
            return Border(findings, memory.growth())


class _Memory:
    """Resident bytes of a server, since it was warm."""

    def __init__(self, served: Served) -> None:
        self._process = psutil.Process(served.process.pid)
        self._warm: int | None = None

    def look(self, requests: int) -> None:
        if self._warm is None and requests >= WARM:
            self._warm = self._process.memory_info().rss

    def growth(self) -> int:
        now = self._process.memory_info().rss
        return int(now - (self._warm or now))


def _tell(say: Callable[[str], None], count: int, memory: _Memory) -> Callable[[Findings], None]:
    def tell(findings: Findings) -> None:
        memory.look(findings.requests)
        faults = {kind: len(found) for kind, found in findings.faults.items()}
        say(f"bad requests: {findings.bad:,} of {count:,}, faults: {faults or 'none'}")

    return tell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found, growth = measure_border(arguments.requests, arguments.seed, lambda text: print(text, end="\r", flush=True))
    print()
    for (layer, outcome), count in sorted(found.counts.items()):
        print(f"{layer:10} {outcome:10} {count:,}")
    print(f"memory grew by {growth / 2**20:.1f} MiB")
    for kind, examples in found.faults.items():
        print(f"\n{kind}: {len(examples)}")
        for example in examples[:12]:
            print(" ", example[:600])


if __name__ == "__main__":
    main()
