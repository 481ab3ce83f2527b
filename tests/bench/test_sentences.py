from skerry.bench.results import Measurement
from skerry.bench.sentences import findings, machine_line


def test_the_largest_difference_comes_first(measurements: dict[str, Measurement]) -> None:
    sentences = findings(measurements["comparison"])
    assert len(sentences) == 6
    assert all(sentence.startswith("MLServer") for sentence in sentences[:3])
    assert findings(measurements["sweep"]) == [
        "skerry: 3,500 requests/s is the highest rate at which p99 stays under 20 ms"
    ]
    assert findings(measurements["no ratio"]) == ["a against b, requests per second: too few rounds to say (1, not 6)"]


def test_the_machine_is_one_line(measurements: dict[str, Measurement]) -> None:
    line = machine_line(measurements["sweep"].machine)
    assert line.startswith("Intel(R) Xeon(R) Processor @ 2.20GHz; 2 cores (quota 2); 8.33 GB memory; Linux")
    assert "noise 4.20 %; steal 0.03 %; python 3.12.11" in line
