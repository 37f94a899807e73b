"""The page on an address of this machine."""

import contextlib
import socket
from collections.abc import Iterator

import gradio as gr

from local.app.page import LAUNCH
from local.errors import InputError


@contextlib.contextmanager
def served(page: gr.Blocks, host: str, port: int) -> Iterator[str]:
    """Serves a page within the block, and gives its address.

    Args:
        page: what to serve.
        host: address or name to listen on.
        port: 0 for any that is free.

    Raises:
        InputError: as `free`.
    """
    how = LAUNCH | {"app_kwargs": dict(LAUNCH["app_kwargs"])}  # Gradio changes it
    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=free(host, port),
            prevent_thread_lock=True,
            quiet=True,
            **how,
        )
    except OSError as error:  # somebody else took the port in between
        raise _refused(host, port, error) from None
    try:
        yield url
    finally:
        page.close(verbose=False)


def free(host: str, port: int) -> int:
    """The port, or a free one for 0; Gradio would look for one among a hundred of its own.

    Raises:
        InputError: it is taken, or the host is no address of this machine.
    """
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )
        with socket.socket(family, kind, protocol) as taken:
            # As the server itself does: a port on which one was stopped a moment ago is free.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(address)
            return int(taken.getsockname()[1])
    except OSError as error:
        raise _refused(host, port, error) from None


def _refused(host: str, port: int, error: OSError) -> InputError:
    said = f"--host {host} --port {port}: nothing can be served there ({error.strerror or error})"
    return InputError(f"{said}; name another, or --port 0 for any that is free")
