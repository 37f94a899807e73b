"""What cannot be done, in words on the page: never a traceback, there or here."""

import sys
from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from local.errors import InputError, reason


class Blocks(gr.Blocks):
    """Which also says in words what is no request of its page: values missing, or files."""

    async def preprocess_data(self, *values: Any, **named: Any) -> Any:
        """What Gradio does with the values of a request before they are checked here."""
        try:
            return await super().preprocess_data(*values, **named)
        except gr.Error:
            raise
        except Exception:
            raise _in_words("The page asks no such thing.") from None


def told(does: Callable[..., Any]) -> Callable[..., Any]:
    """What cannot be done is said on the page, in words; what else goes wrong, in one line here."""

    def answer(*values: Any) -> Any:
        try:
            return does(*values)
        except InputError as error:
            raise _in_words(str(error)) from None
        except Exception as error:
            print(f"app: {type(error).__name__}: {reason(error)}", file=sys.stderr, flush=True)
            raise _in_words("That went wrong here, not with you; please try again.") from None

    return answer


def _in_words(words: str) -> gr.Error:
    return gr.Error(escape(words), print_exception=False)
