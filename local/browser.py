"""The user's own browser, where there is one that a page can be opened in."""

import os
import sys
import threading
import webbrowser


def open_page(address: str) -> None:
    """Opens an address in a window, and does not wait for it; where there is no screen, nothing."""
    if _has_screen():
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()


def _has_screen() -> bool:
    """Whether a browser would open in a window: without one it would take over the terminal."""
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
