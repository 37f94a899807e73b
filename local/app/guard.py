"""At the door of the page's server: what the page asks for comes in, and nothing else.

Gradio can do more than this page needs: take files and tell where it put them, pass requests on,
run what components offer. And what it does not understand it answers with a traceback.
"""

import re
import sys
from typing import Any

from starlette.responses import PlainTextResponse

from local.errors import reason

NEEDED = re.compile(
    r"/(config/?|theme\.css|favicon\.ico|manifest\.json|robots\.txt|(assets|static|svelte)/.+"
    r"|gradio_api/(info/?|startup-events|app_id/?|reset/?|cancel|heartbeat/\w+|queue/(join|data)"
    r"|call/.+))?"
)


class Guard:
    """An ASGI application around Gradio's."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes on what is needed; what fails takes one line, here and there."""
        if scope["type"] == "http" and not NEEDED.fullmatch(scope["path"]):
            await PlainTextResponse("Nothing here.\n", 404)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            print(f"app: {type(error).__name__}: {reason(error)}", file=sys.stderr, flush=True)
            await PlainTextResponse("The page asks no such thing.\n", 400)(scope, receive, send)
