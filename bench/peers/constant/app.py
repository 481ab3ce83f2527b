"""The floor: a bare ASGI application that reads the request and answers what it was given, by path."""

import json
import os
from pathlib import Path

ANSWERS = {path: text.encode() for path, text in json.loads(Path(os.environ["ANSWERS"]).read_text()).items()}


async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    answer = ANSWERS[scope["path"]]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
