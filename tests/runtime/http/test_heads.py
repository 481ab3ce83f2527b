"""A head that came before, byte for byte, needs no parser; nothing else is taken for one."""

from skerry.runtime.http.call import Call
from skerry.runtime.http.heads import LONGEST, MOST, Heads

BODY = b'{"X": [[1]]}'
HEAD = b"POST /predict HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n" % len(BODY)


def call(length: bytes = b"%d" % len(BODY)) -> Call:
    return Call("POST", "/predict", [(b"host", b"here"), (b"content-length", length)], b"")


def taught(data: bytes = HEAD + BODY, given: Call | None = None) -> Heads:
    heads = Heads()
    heads.learn(data, given or call())
    return heads


def test_the_same_head_with_another_body_of_its_length_makes_the_same_call() -> None:
    given = call()
    assert taught(given=given).find(HEAD + b'{"X": [[2]]}') == (given, b'{"X": [[2]]}')


def test_what_is_not_one_whole_request_with_that_head_is_not_known() -> None:
    for data in (
        HEAD,
        HEAD + BODY[:-1],
        HEAD + BODY + b" ",
        HEAD + BODY + HEAD + BODY,
        HEAD.replace(b"here", b"Here") + BODY,
        b"\r\n" + HEAD + BODY,
        BODY,
        b"",
    ):
        assert taught().find(data) is None


def test_a_head_is_learned_only_from_its_whole_request_alone() -> None:
    for data, given in (
        (HEAD + BODY[:-1], call()),
        (HEAD + BODY + HEAD + BODY, call()),
        (b"\r\n\r\n" + HEAD + BODY, call()),
        (HEAD + BODY, call(b"0%d" % len(BODY))),
        (HEAD + BODY, Call("POST", "/predict", [(b"transfer-encoding", b"chunked")], b"")),
    ):
        heads = taught(data, given)
        assert heads.find(HEAD + BODY) is None
        assert heads.find(data) is None


def test_clients_whose_heads_differ_each_time_fill_no_memory() -> None:
    heads = Heads()
    for index in range(3 * MOST):
        heads.learn(HEAD.replace(b"here", b"here%d" % index) + BODY, call())
        assert len(heads._known) <= MOST
    heads.learn(long := HEAD.replace(b"here", b"h" * LONGEST) + BODY, call())
    assert heads.find(long) is None
