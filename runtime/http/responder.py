"""``Responder``: what answers requests that most often need no wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from skerry.runtime.http.answer import Answer
from skerry.runtime.http.call import Call
from skerry.runtime.http.heads import Heads

Receive = Callable[[], Awaitable[Any]]
Client = tuple[str, int] | None


class Responder(Protocol):
    """An application's short way beside ASGI: a connection asks it first, and runs its answer up to the first wait at once."""

    @property
    def heads(self) -> Heads:
        """Those that connections found good."""

    def target(self, method: str, path: str) -> Any:
        """What answers there, or None."""

    def respond(
        self, target: Any, call: Call, client: Client, body: bytes | None, receive: Receive
    ) -> Coroutine[Any, Any, Answer | None]:
        """The answer to a request to ``target``; None where nobody would read it. ``body`` is None where it is still to be
        ``receive``d. It raises nothing but what cancels it."""
