"""Imports the modules carried above from memory.

`build_kernel.py` copies this file into `kernel.py`, after the sources; it uses the standard library
only. A module's filename is `<kernel>/local/train/loop.py`, as with modules in a zip: it says which
file of the checkout to open, and no file on disk can stand at a path below another file.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
import threading
import traceback
from collections.abc import Sequence
from types import ModuleType, TracebackType


class CarriedModules(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Finds and loads modules whose sources are held in memory.

    `sources` maps a path such as `local/train/loop.py` to the file's text; `kernel` is the path of
    the file that carries them.
    """

    def __init__(self, sources: dict[str, str], kernel: str) -> None:
        self._text: dict[str, str] = {}
        self._filename: dict[str, str] = {}
        for path, text in sources.items():
            name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            # Decoding as the interpreter does drops a byte order mark and unifies line ends.
            self._text[name] = importlib.util.decode_source(text.encode())
            self._filename[name] = f"{kernel}/{path}"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Answers for the carried modules, and leaves every other name to the next finder."""
        if fullname not in self._text:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def get_source(self, fullname: str) -> str:
        """Returns a module's text; `inspect` and `linecache` ask for it too."""
        try:
            return self._text[fullname]
        except KeyError:
            raise ImportError(f"{fullname} is not carried", name=fullname) from None

    def get_filename(self, fullname: str) -> str:
        """Returns the name under which tracebacks show a module."""
        self.get_source(fullname)
        return self._filename[fullname]

    def is_package(self, fullname: str) -> bool:
        """Says whether a module was a package's `__init__.py`."""
        return self.get_filename(fullname).endswith("/__init__.py")

    def remember_lines(self) -> None:
        """Gives `linecache` every line now, so that no traceback has to look for them.

        Entries without a modification time are never compared with the disk. The lines are split
        as the compiler does: `str.splitlines` would also split at a form feed and shift the rest.
        """
        for name, text in self._text.items():
            lines = [line + "\n" for line in text.split("\n")]
            filename = self._filename[name]
            linecache.cache[filename] = (len(text), None, lines, filename)


def show_exception(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """Prints an uncaught exception with the help of `linecache`.

    Up to Python 3.12 the built-in hook reads source lines from disk instead, and, where a file is
    not found, shows the line of any file of the same name on `sys.path`.
    """
    traceback.print_exception(kind, error, trace)


def show_thread_exception(args: threading.ExceptHookArgs) -> None:
    """Does the same for an exception that ends a thread."""
    if args.exc_type is not SystemExit:
        print(f"Exception in thread {getattr(args.thread, 'name', '?')}:", file=sys.stderr)
        show_exception(args.exc_type, args.exc_value, args.exc_traceback)


def install(sources: dict[str, str], kernel: str) -> None:
    """Makes the carried modules importable, before anything of the same name on `sys.path`."""
    carried = CarriedModules(sources, kernel)
    carried.remember_lines()
    sys.meta_path.insert(0, carried)
    sys.excepthook = show_exception
    threading.excepthook = show_thread_exception
