"""What is sent to a URL, and what is said when it does not answer as it should."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skerry.bench.http.exchange import Exchange
from skerry.bench.http.generator import generate
from skerry.bench.http.open_inference import decode_answer
from skerry.bench.http.plan import LoadPlan
from skerry.bench.http.target import Prepared, prepare
from skerry.bench.results import Target
from skerry.runtime import Artifact, Model
from skerry.runtime.errors import ArtifactError, BenchError

SAMPLES = ("iris", "passengers", "diabetes", "reviews")


def bodies(prepared: Prepared) -> list[bytes]:
    return [_split(exchange)[1] for exchange in prepared.exchanges]


def _split(exchange: Exchange) -> tuple[str, bytes]:
    head, _, body = exchange.request.partition(b"\r\n\r\n")
    return head.decode("latin-1"), body


def answered(prepared: Prepared) -> None:
    """Every exchange, all of it verified, by the load generator."""
    plan = LoadPlan(connections=2, duration=0.3, warmup=0)
    run = generate(prepared.address, prepared.exchanges, plan, target=prepared.target.name)
    assert run.errors == {}
    assert run.requests > 0


# /predict


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("rows", [1, 7])
def test_golden_rows_are_sent_to_predict_and_all_answers_verified(
    skerry_server: str, repository: Path, name: str, rows: int
) -> None:
    prepared = prepare(f"{skerry_server}/models/{name}/predict", artifact=repository / name, rows=rows)
    assert (prepared.target.protocol, prepared.target.rows, prepared.verified) == ("predict", rows, True)
    assert {exchange.rows for exchange in prepared.exchanges} == {rows}
    assert len(set(bodies(prepared))) == len(prepared.exchanges) > 1
    answered(prepared)


def test_the_target_says_what_it_is(skerry_server: str, repository: Path) -> None:
    url = f"{skerry_server}/models/iris/predict"
    prepared = prepare(url, artifact=repository / "iris", name="iris", headers=[("X-Key", "7")])
    sizes = [len(body) for body in bodies(prepared)]
    assert prepared.target == Target(
        name="iris",
        url=url,
        protocol="predict",
        rows=1,
        body_size=round(np.mean(sizes)),
        description=f"{len(sizes)} golden rows of iris/1",
    )
    assert f"http://{prepared.address.host}:{prepared.address.port}" == skerry_server
    assert all("X-Key: 7" in _split(exchange)[0] for exchange in prepared.exchanges)
    assert prepared.answer_size > 10


def test_rows_of_a_file_are_sent(
    skerry_server: str, repository: Path, passengers_rows: pd.DataFrame, tmp_path: Path
) -> None:
    passengers_rows.assign(extra=1).to_csv(tmp_path / "rows.csv", index=False)
    url = f"{skerry_server}/models/passengers/predict"
    prepared = prepare(url, artifact=repository / "passengers", data=tmp_path / "rows.csv")
    assert prepared.target.description == "200 rows of rows.csv"
    first = json.loads(bodies(prepared)[0])["records"][0]
    assert first == json.loads(passengers_rows.iloc[:1].to_json(orient="records", double_precision=15))[0] | {
        "age": None
    }
    answered(prepared)


def test_without_an_artifact_rows_are_sent_as_they_are_and_nothing_is_verified(
    skerry_server: str, iris_rows: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "rows.npy", iris_rows)
    prepared = prepare(f"{skerry_server}/models/iris/predict", data=tmp_path / "rows.npy", rows=2)
    assert json.loads(bodies(prepared)[0]) == {"X": iris_rows[:2].tolist()}
    assert prepared.exchanges[0].check is None
    assert not prepared.verified
    assert prepared.target.description == "150 rows of rows.npy"
    answered(prepared)


def test_named_rows_are_sent_as_records(serve: Callable[..., str], http: Callable[..., bytes], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,x\n")
    prepared = prepare(serve(lambda request: http()) + "/predict", data=tmp_path / "rows.csv")
    assert bodies(prepared) == [b'{"records":[{"a":1,"b":"x"}]}']


def test_there_must_be_something_to_send(skerry_server: str) -> None:
    with pytest.raises(BenchError, match="nothing to send") as caught:
        prepare(f"{skerry_server}/predict")
    assert caught.value.hint == "give the artifact behind it with --artifact, rows with --data, or a --body"


def test_another_model_behind_the_url_is_noticed(skerry_server: str, repository: Path) -> None:
    with pytest.raises(
        BenchError, match=r"/models/diabetes/predict: expected an answer with status 200, got 400 Bad Request: "
    ):
        prepare(f"{skerry_server}/models/diabetes/predict", artifact=repository / "iris")


def test_a_wrong_answer_is_noticed(
    serve: Callable[..., str], http: Callable[..., bytes], repository: Path, iris_model: Model
) -> None:
    url = serve(lambda request: http(b'{"prediction": [7], "model": "iris", "version": 1}')) + "/predict"
    with pytest.raises(BenchError, match=r"/predict: wrong answer: prediction\[0\]: expected [012], got 7$"):
        prepare(url, artifact=repository / "iris")


def test_an_artifact_that_is_corrupt(skerry_server: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        prepare(f"{skerry_server}/predict", artifact=tmp_path)


# /infer


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("rows", [1, 7])
def test_golden_rows_are_sent_as_tensors_and_all_answers_verified(
    skerry_server: str, repository: Path, name: str, rows: int
) -> None:
    prepared = prepare(f"{skerry_server}/v2/models/{name}/infer", artifact=repository / name, rows=rows)
    assert (prepared.target.protocol, prepared.target.rows, prepared.verified) == ("infer", rows, True)
    answered(prepared)


@pytest.mark.parametrize("name", ["iris", "diabetes", "reviews"])
def test_rows_are_made_up_where_there_are_none(skerry_server: str, models: object, name: str) -> None:
    prepared = prepare(f"{skerry_server}/v2/models/{name}/versions/1/infer", rows=3)
    assert (prepared.target.description, prepared.verified) == ("made-up rows", False)
    assert prepared.exchanges[0].check is not None  # the structure
    answered(prepared)


def test_a_file_is_sent_as_the_metadata_names_its_columns(
    skerry_server: str, diabetes_rows: pd.DataFrame, tmp_path: Path
) -> None:
    diabetes_rows[diabetes_rows.columns[::-1]].to_parquet(tmp_path / "rows.parquet")
    prepared = prepare(f"{skerry_server}/v2/models/diabetes/infer", data=tmp_path / "rows.parquet")
    sent = json.loads(bodies(prepared)[0])["inputs"]
    assert {tensor["name"]: tensor["data"] for tensor in sent} == {
        name: [value] for name, value in diabetes_rows.iloc[0].items()
    }
    answered(prepared)


def metadata(*inputs: dict[str, Any]) -> bytes:
    return json.dumps({"name": "m", "platform": "p", "inputs": inputs, "outputs": []}).encode()


def open_inference_server(
    serve: Callable[..., str], http: Callable[..., bytes], described: bytes, requests: list[bytes], answer: bytes
) -> str:
    """A server that describes its model, notes what comes, and always answers the same."""

    def reply(request: bytes) -> bytes:
        if request.startswith(b"GET "):
            return http(described) if described else http(b"", "404 Not Found")
        requests.append(request)
        return http(answer)

    return serve(reply) + "/v2/models/m/infer"


ANSWER = b'{"outputs": [{"name": "y", "shape": [1, 1], "datatype": "INT64", "data": [1]}]}'


def test_tensors_in_binary(serve: Callable[..., str], http: Callable[..., bytes]) -> None:
    requests: list[bytes] = []
    described = metadata(
        {"name": "a", "datatype": "FP32", "shape": [-1, 2]}, {"name": "b", "datatype": "BYTES", "shape": [-1]}
    )
    prepared = prepare(open_inference_server(serve, http, described, requests, ANSWER), binary=True)
    assert prepared.target.protocol == "infer-binary"
    head, _, body = requests[0].partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"inference-header-content-length: ")[2].split()[0])
    assert json.loads(body[:length])["inputs"][0]["parameters"] == {"binary_data_size": 8}
    assert len(body) == length + 8 + 4 + 5


def test_our_own_server_takes_tensors_in_binary(skerry_server: str) -> None:
    assert prepare(f"{skerry_server}/v2/models/iris/infer", binary=True).target.protocol == "infer-binary"


def test_a_server_of_json_alone_is_told_apart(serve: Callable[..., str], http: Callable[..., bytes]) -> None:
    described = metadata({"name": "a", "datatype": "FP32", "shape": [-1, 2]})

    def reply(request: bytes) -> bytes:
        is_json = request.startswith(b"GET ") or b"inference-header-content-length" not in request.lower()
        return http(described) if is_json else http(b'{"error": "expected JSON"}', "400 Bad Request")

    with pytest.raises(BenchError) as caught:
        prepare(serve(reply) + "/v2/models/m/infer", binary=True)
    assert caught.value.hint == "not every server speaks the binary form"


def test_an_artifact_helps_where_the_server_says_nothing(
    serve: Callable[..., str], http: Callable[..., bytes], repository: Path, iris_artifact: Artifact
) -> None:
    for described in (b"", metadata()):
        requests: list[bytes] = []
        url = open_inference_server(serve, http, described, requests, ANSWER)
        with pytest.raises(BenchError, match=r"wrong answer: expected output 'predict' or .*, got 'y'"):
            prepare(url, artifact=repository / "iris")
        assert json.loads(requests[0].partition(b"\r\n\r\n")[2])["inputs"][0]["name"] == "X"


@pytest.mark.parametrize(
    ("described", "error"),
    [
        (b"", "/v2/models/m: expected a model's metadata, got 404 Not Found"),
        (b"<html>", "/v2/models/m: expected a model's metadata with its inputs, got <html>"),
        (metadata(), "/infer: the server's metadata names no inputs"),
        (metadata({"name": "a", "datatype": "BF16", "shape": [-1]}), "no values can be made up for datatype BF16"),
    ],
)
def test_metadata_that_does_not_help(
    serve: Callable[..., str], http: Callable[..., bytes], described: bytes, error: str
) -> None:
    with pytest.raises(BenchError, match=error):
        prepare(open_inference_server(serve, http, described, [], ANSWER))


def test_an_answer_whose_structure_is_wrong(serve: Callable[..., str], http: Callable[..., bytes]) -> None:
    described = metadata({"name": "a", "datatype": "FP32", "shape": [-1, 2]})
    wrong = ANSWER.replace(b"[1, 1]", b"[2, 1]")
    with pytest.raises(
        BenchError, match=r"/infer: wrong answer: output 'y': expected values for shape \[2, 1\], got 1"
    ):
        prepare(open_inference_server(serve, http, described, [], wrong))
    assert decode_answer(ANSWER)["y"].data == [1]


# a body, a GET


def test_a_body_is_sent_as_it_is(skerry_server: str, models: object, tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{"X": [[5.1, 3.5, 1.4, 0.2]]}')
    (tmp_path / "expected.json").write_text('{"version": 1.0, "prediction": [0], "model": "iris"}')
    url = f"{skerry_server}/models/iris/predict"
    prepared = prepare(url, body=tmp_path / "body.json", expect=tmp_path / "expected.json")
    head, body = _split(prepared.exchanges[0])
    assert (head.split()[0], body) == ("POST", (tmp_path / "body.json").read_bytes())
    assert "Content-Type: application/json" in head
    assert (prepared.target.protocol, prepared.target.rows, prepared.target.description) == ("body", None, "body.json")
    assert prepared.verified
    answered(prepared)
    (tmp_path / "expected.json").write_text('{"version": 1, "prediction": [1], "model": "iris"}')
    with pytest.raises(BenchError, match=r"wrong answer: prediction\[0\]: expected 1, got 0"):
        prepare(url, body=tmp_path / "body.json", expect=tmp_path / "expected.json")


def test_bodies_of_lines_are_sent_in_turns_each_with_its_answer(
    skerry_server: str, models: object, tmp_path: Path
) -> None:
    (tmp_path / "bodies.jsonl").write_text('{"X": [[5.1, 3.5, 1.4, 0.2]]}\n\n{"X": [[6.9, 3.1, 5.4, 2.1]]}\n')
    lines = [json.dumps({"prediction": [label], "model": "iris", "version": 1}) for label in (0, 2)]
    (tmp_path / "expected.jsonl").write_text("\n".join(lines))
    url = f"{skerry_server}/models/iris/predict"
    prepared = prepare(url, body=tmp_path / "bodies.jsonl", expect=tmp_path / "expected.jsonl")
    assert prepared.target.description == "bodies.jsonl, 2 bodies in turns"
    assert len(prepared.exchanges) == 2
    answered(prepared)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.json", b"{}", "application/json"),
        ("a", b"[1]", "application/json"),
        ("a.csv", b"a,b", "text/csv"),
        ("a.png", b"\x89PNG", "image/png"),
        ("a", b"\x00", "application/octet-stream"),
    ],
)
def test_the_content_type_is_guessed(
    serve: Callable[..., str], http: Callable[..., bytes], tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)
    url = serve(lambda request: http())
    assert f"Content-Type: {kind}" in _split(prepare(url, body=tmp_path / name).exchanges[0])[0]
    given = prepare(url, body=tmp_path / name, headers=[("content-type", "x/y")], method="PUT")
    head = _split(given.exchanges[0])[0]
    assert (head.split()[0], "content-type: x/y" in head, "Content-Type" in head) == ("PUT", True, False)


def test_anything_else_is_a_get(skerry_server: str, models: object) -> None:
    prepared = prepare(f"{skerry_server}/v2/health/live?x=1")
    assert _split(prepared.exchanges[0])[0].startswith("GET /v2/health/live?x=1 HTTP/1.1\r\nHost: ")
    assert (prepared.target.protocol, prepared.target.body_size, prepared.verified) == ("get", 0, False)
    answered(prepared)


def test_files_that_do_not_fit(serve: Callable[..., str], tmp_path: Path) -> None:
    url = serve(lambda request: None)
    (tmp_path / "three.jsonl").write_text("1\n2\n3")
    (tmp_path / "two.jsonl").write_text("1\n2")
    (tmp_path / "none.jsonl").write_text("\n")
    with pytest.raises(BenchError, match=r"two\.jsonl: expected an answer for each of 3 bodies, got 2"):
        prepare(url, body=tmp_path / "three.jsonl", expect=tmp_path / "two.jsonl")
    with pytest.raises(BenchError, match=r"none\.jsonl: expected a body in each line, got none"):
        prepare(url, body=tmp_path / "none.jsonl")
    with pytest.raises(BenchError, match=r"missing\.json: no such file"):
        prepare(url, body=tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        ("/predict", {"binary": True}, "--binary is only for a URL that ends in /infer, and this is /predict"),
        ("/predict", {"expect": Path("x")}, "--expect is only for a --body or a GET, and this is /predict"),
        (
            "/x",
            {"data": Path("x")},
            "--data is only for a URL that ends in /predict or /infer, and this is a GET of another URL",
        ),
        (
            "/predict",
            {"body": Path("x"), "artifact": Path("x")},
            "--artifact is only for a URL that ends in /predict or /infer, and this is a --body",
        ),
    ],
)
def test_options_that_do_not_fit(path: str, options: dict[str, Any], error: str) -> None:
    with pytest.raises(BenchError, match=error):
        prepare(f"http://127.0.0.1:1{path}", **options)
