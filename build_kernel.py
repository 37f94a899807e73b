"""Writes `kernel/kernel.py`: one readable file with a recipe and every module that it needs.

Kaggle takes a single file of code. The imports are followed from `local.kernel` without running
anything; each module of ours that can be reached is carried as plain text, and `kernel/importer.py`
imports it from memory. `--notebook` writes the same modules as cells of `kernel/kernel.ipynb`. The
same sources and settings give the same bytes: `--check` builds again and compares.
"""

import argparse
import ast
import dataclasses
import hashlib
import importlib.util
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from kernel import notebook

ROOT = Path(__file__).resolve().parent
KERNEL, NOTEBOOK = "kernel/kernel.py", "kernel/kernel.ipynb"
# Each kernel, and each notebook, has these of its own.
KERNEL_PARTS = tuple(ROOT / "kernel" / name for name in ("importer.py", "opening.py"))
SCRIPT_PARTS = tuple(ROOT / "kernel" / name for name in ("opening.py", "receiver.py"))
LAUNCHER = ROOT / "kernel" / "launcher.py"
ENTRY = "local.kernel"

MAX_BYTES = 1_000_000  # Kaggle's limit on a kernel's source
MAX_HOURS = 12.0  # the longest session that Kaggle gives
THIRD_PARTY = frozenset({"PIL", "numpy", "safetensors", "torch", "torchvision", "tqdm"})
ALLOWED = sys.stdlib_module_names | THIRD_PARTY
NO_FILES = "a kernel has no files beside its modules: keep the data in a module, as a literal"
REFUSED = {  # modules that are there, and why a kernel must do without
    # Seconds lost, memory gone.
    "torch.utils.tensorboard": "which pulls TensorFlow in: import it only outside what the kernel "
    "reaches",
    "importlib.resources": NO_FILES,
    "pkgutil": NO_FILES,
}
BY_NAME = ("importlib.import_module", "import_module", "__import__")  # calls that import

CLOCK = """\
import time

STARTED = time.monotonic()  # before anything else: the time limit counts from here"""

ORIGIN = ("commit", "dirty")  # in BUILD: where the sources come from, not what they do

COMPETITION = "generative-dog-images"
NO_OWNER = "INSERT_YOUR_KAGGLE_USERNAME"


class BundleError(Exception):
    """The kernel cannot be built; the message is one line that says what, where and why."""


# --- The modules: what can be reached from the entry ----------------------------------------------


@dataclasses.dataclass(frozen=True)
class Module:
    """One source file of the project; `path` is relative to the root, with forward slashes."""

    name: str
    path: str
    source: bytes
    tree: ast.Module

    @property
    def package(self) -> str:
        """The name that relative imports start from."""
        return self.name if self.path.endswith("/__init__.py") else self.name.rpartition(".")[0]

    def binds(self, name: str) -> bool:
        """Whether `from module import name` may find a name that is not a submodule."""
        bound: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                bound.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        return bool(bound & {name, "*", "__getattr__"})


@dataclasses.dataclass(frozen=True)
class Import:
    """One imported name: a module for certain, or (`optional`) perhaps only a name in one."""

    name: str
    where: str
    optional: bool = False


def locate(root: Path, name: str) -> Path | None:
    """Returns the file of a module of ours, relative to the root, or None."""
    stem = Path(*name.split("."))
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if (root / path).is_file():
            return path
    return None


def load(root: Path, name: str, where: str) -> Module:
    """Reads and parses a module of ours; `where` names the import that asks for it."""
    path = locate(root, name)
    if path is None:
        raise BundleError(f"{where}: there is no module {name} in this project")
    file = path.as_posix()
    source = (root / path).read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(iter(source.splitlines(keepends=True)).__next__)
        source.decode("utf-8")
        tree = ast.parse(source, file)
        compile(tree, file, "exec", dont_inherit=True)  # finds a `return` outside a function
    except SyntaxError as error:
        line = f"{file}:{error.lineno or 1}"
        raise BundleError(f"{line}: syntax error in {name}: {error.msg}") from None
    except ValueError as error:  # not UTF-8, or a null byte
        raise BundleError(f"{file}:1: {name} is not Python in UTF-8: {error}") from None
    if encoding not in ("utf-8", "utf-8-sig"):
        raise BundleError(f"{file}:1: {name} is declared as {encoding}: save it as UTF-8")
    return Module(name, file, source, tree)


def can_run(tree: ast.Module) -> Iterator[ast.AST]:
    """Lists the nodes that can run, in no order: all but those for type checkers only."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            negated = isinstance(node.test, ast.UnaryOp)  # `if not TYPE_CHECKING:`
            pending.extend(node.body if negated else node.orelse)
        else:
            yield node
            pending.extend(ast.iter_child_nodes(node))


def imports(module: Module) -> Iterator[Import]:
    """Lists what a module imports, lazily or by a literal name too, with absolute names."""
    kinds = ast.Import | ast.ImportFrom | ast.Call
    nodes = [node for node in can_run(module.tree) if isinstance(node, kinds)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        where = f"{module.path}:{node.lineno}"
        if isinstance(node, ast.Call):
            yield from by_name(node, where)
            continue
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, where) for alias in node.names)
            continue
        relative = "." * node.level + (node.module or "")
        try:
            base = importlib.util.resolve_name(relative, module.package)
        except ImportError:
            message = f"{where}: the relative import {relative} in {module.name} leaves its package"
            raise BundleError(message) from None
        yield Import(base, where)
        yield from (Import(f"{base}.{alias.name}", where, optional=True) for alias in node.names)


def by_name(call: ast.Call, where: str) -> Iterator[Import]:
    """Lists what `importlib.import_module("a.b")` imports; a computed name is not seen."""
    if not call.args or ast.unparse(call.func) not in BY_NAME:
        return
    name = call.args[0]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        if name.value.startswith("."):
            raise BundleError(f"{where}: import {name.value} by its whole name, not a relative one")
        yield Import(name.value, where)


def check_files(module: Module) -> None:
    """Refuses a module that looks for files beside itself."""
    for node in can_run(module.tree):
        if isinstance(node, ast.Name) and node.id == "__file__":
            where = f"{module.path}:{node.lineno}"
            raise BundleError(f"{where}: {module.name} uses __file__, and {NO_FILES}")


def check_foreign(found: Import, importer: str) -> None:
    """Refuses a module from outside the project that Kaggle lacks, or that costs too much there."""
    if found.name.partition(".")[0] not in ALLOWED:
        raise BundleError(
            f"{found.where}: {importer} imports {found.name}, which a kernel must not use: only "
            f"the standard library, {', '.join(sorted(THIRD_PARTY, key=str.lower))}"
        )
    for refused, why in REFUSED.items():
        if f"{found.name}.".startswith(f"{refused}."):
            raise BundleError(f"{found.where}: {importer} imports {refused}, {why}")


def wanted(root: Path, module: Module) -> Iterator[Import]:
    """Lists the modules of ours that a module imports; everything else is checked and dropped."""
    for found in imports(module):
        top = found.name.partition(".")[0]
        if locate(root, top) is None:
            check_foreign(found, module.name)
        elif top in ALLOWED:
            message = f"{top} of this project hides the {top} that Kaggle has: rename it"
            raise BundleError(f"{found.where}: {message}")
        elif found.name.endswith(".*"):
            yield from starred(root, found)
        elif not found.optional or locate(root, found.name):
            yield found
        else:
            check_name(root, found)


def check_name(root: Path, found: Import) -> None:
    """Refuses `from package import name` where the package has neither such a module nor name."""
    base, _, name = found.name.rpartition(".")
    path = locate(root, base)
    is_package = path is not None and path.name == "__init__.py"
    if is_package and not load(root, base, found.where).binds(name):
        raise BundleError(f"{found.where}: {base} has no module or name {name}")


def starred(root: Path, found: Import) -> Iterator[Import]:
    """Lists the submodules that `from package import *` imports: those named in `__all__`."""
    base = found.name.removesuffix(".*")
    for node in load(root, base, found.where).tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            for item in ast.walk(node.value):
                if isinstance(item, ast.Constant) and locate(root, f"{base}.{item.value!s}"):
                    yield dataclasses.replace(found, name=f"{base}.{item.value!s}")


def reachable(root: Path, entry: str) -> list[Module]:
    """Returns the modules of ours that the entry needs, itself included, sorted by path.

    Raises BundleError where an import cannot work on Kaggle.
    """
    modules: dict[str, Module] = {}
    pending = [Import(entry, "the kernel's entry")]
    while pending:
        found = pending.pop(0)
        parts = found.name.split(".")
        # Importing a.b.c runs a and a.b first.
        for name in (".".join(parts[: end + 1]) for end in range(len(parts))):
            if name not in modules:
                modules[name] = load(root, name, found.where)
                check_files(modules[name])
                pending.extend(wanted(root, modules[name]))
    return sorted(modules.values(), key=lambda module: module.path)


# --- The text of the kernel -----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A finished kernel: its file, the modules that it carries, and what it was built from."""

    text: str
    modules: list[Module]
    build: dict[str, Any]


def bundle(
    root: Path, entry: str, build: dict[str, Any], command: str, as_notebook: bool = False
) -> Bundle:
    """Makes the kernel that runs `entry`'s `main(build, started)`.

    `build` (recipe and hours) goes into the header, with `command`, which reproduces the file, the
    commit, and whether what is carried has changed since. `as_notebook`: as nbformat 4.5.
    """
    modules = reachable(root, entry)
    files = [module.path for module in modules]
    parts = (*SCRIPT_PARTS, LAUNCHER) if as_notebook else KERNEL_PARTS
    files += [path.relative_to(root).as_posix() for path in parts if path.is_relative_to(root)]
    commit, dirty = git_state(root, files)
    build = {"command": command, **build, "commit": commit, "dirty": dirty}
    text = (notebook_text if as_notebook else kernel_text)(entry, modules, build)
    check_size(text, modules, NOTEBOOK if as_notebook else KERNEL)
    return Bundle(text, modules, build)


def kernel_text(entry: str, modules: list[Module], build: dict[str, Any]) -> str:
    """Renders `kernel.py`."""
    return "\n\n".join([header(modules, build), *map(carried, modules), footer(entry)])


def notebook_text(entry: str, modules: list[Module], build: dict[str, Any]) -> str:
    """Renders `kernel.ipynb`: what `kernel.py` has from top to bottom, in cells."""
    cells = [
        notebook.markdown("about", notebook.about(build)),
        notebook.code("build", f"{CLOCK}\n\n{facts(modules, build)}"),
        notebook.code("folder", notebook.FOLDER),
        *(notebook.code(module.path, written(module)) for module in modules if module.source),
        notebook.code("script.py", '%%writefile "{FOLDER}/script.py"\n' + script(entry)),
        notebook.code("run", f"{part(LAUNCHER)}\n\nlaunch(FOLDER, BUILD, STARTED, SHA256)"),
    ]
    return notebook.render(cells)


def header(modules: list[Module], build: dict[str, Any]) -> str:
    """Renders what must come first: the clock, then what this kernel was made from."""
    return f"""\
{CLOCK}

# This file is built: edit the project, and build it again with the command in BUILD.
# Below: the recipe, the project's modules as text, the importer that runs them from memory.

{facts(modules, build)}

# Each source starts on a line of its own: [1:] drops the line's end before it.
SOURCES = {{}}"""


def facts(modules: list[Module], build: dict[str, Any]) -> str:
    """Renders what a kernel was made from."""
    digests = {module.path: hashlib.sha256(module.source).hexdigest() for module in modules}
    return f"""\
# commit: the last that touched a file carried below; dirty: whether one has changed since.
BUILD = {literal(build)}

# sha256 of each module's file.
SHA256 = {literal(digests)}"""


def carried(module: Module) -> str:
    """Renders one module as a statement that holds its source."""
    return f'SOURCES["{module.path}"] = {quoted(module.source.decode("utf-8"))}[1:]'


def written(module: Module) -> str:
    """Renders one module as a cell that writes its file."""
    source = module.source.decode("utf-8")
    if notebook.keeps(source):
        return f'%%writefile "{{FOLDER}}/{module.path}"\n{source}'
    return f"""\
# As a string: %%writefile would not give this file to the byte.
(FOLDER / "{module.path}").write_bytes({quoted(source)}[1:].encode());"""


def footer(entry: str) -> str:
    """Renders the importer, the log's first lines, and the call of the entry.

    The importer is installed wherever this file is run, so that spawned workers find the modules
    too; the work is done in the main process only.
    """
    parts = "\n\n".join(map(part, KERNEL_PARTS))
    return f"""\
{parts}

install(SOURCES, __file__)

if __name__ == "__main__":
{call(entry)}
"""


def script(entry: str) -> str:
    """Renders the file that a notebook runs: it lies beside the modules, and so finds them."""
    parts = "\n\n".join(map(part, SCRIPT_PARTS))
    return f"""\
{parts}

if __name__ == "__main__":
    BUILD, STARTED = receive()
{call(entry)}
"""


def call(entry: str) -> str:
    """Renders the work itself."""
    return f"""
    announce(BUILD)

    from {entry} import main

    code = main(BUILD, STARTED)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # an interpreter full of torch takes seconds to leave, and the deadline is near
""".strip("\n")


def part(path: Path) -> str:
    """Returns the source of a part that runs before any module does, so it is checked the same."""
    module = load(path.parent, path.stem, "the kernel's own parts")
    for found in imports(module):
        if not found.optional and found.name.partition(".")[0] not in sys.stdlib_module_names:
            message = f"the kernel's {path.stem} imports {found.name}, not the standard library's"
            raise BundleError(f"{found.where}: {message}")
    return module.source.decode("utf-8")


def quoted(text: str) -> str:
    r"""Renders text as a string literal with real newlines, one newline before the first line.

    Raw wherever possible, so that the source reads as in its file. A carriage return is always
    escaped: Python, and Kaggle's client on its way, would take it for a line's end.
    """
    fits_raw = not re.search(r"'''|[\r\ufeff]|['\\]\Z", text)
    if fits_raw:
        return f"r'''\n{text}'''"
    for plain, escaped in (("\\", "\\\\"), ("\r", "\\r"), ("\ufeff", "\\ufeff")):
        text = text.replace(plain, escaped)
    text = re.sub(r"'(?=''|\Z)", r"\\'", text)  # no three quotes in a row, and none at the end
    return f"'''\n{text}'''"


def literal(value: Any, indent: str = "") -> str:
    """Renders a dictionary as Python text, one item a line."""
    if not isinstance(value, dict) or not value:
        return repr(value)
    deeper = indent + "    "
    lines = [f"{deeper}{key!r}: {literal(item, deeper)}," for key, item in value.items()]
    return "\n".join(["{", *lines, indent + "}"])


def check_size(text: str, modules: list[Module], name: str) -> None:
    """Refuses a kernel that Kaggle would refuse, and names what takes the most room."""
    size = len(text.encode("utf-8"))
    if size > MAX_BYTES:
        largest = max(modules, key=lambda module: len(module.source))
        raise BundleError(
            f"{largest.path}:1: {Path(name).name} would have {size:,} bytes and Kaggle takes "
            f"{MAX_BYTES:,}: {largest.name} is the largest module, {len(largest.source):,} bytes"
        )


def git_state(root: Path, files: list[str]) -> tuple[str, bool | str]:
    """Returns the last commit that touched one of the files, and whether any has changed since.

    A file that git does not track counts as changed. Without git or outside a repository both are
    "unknown".
    """

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "--no-optional-locks", "-C", str(root), *arguments, "--", *files]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    try:
        status = git("status", "--porcelain", "--ignored", "--untracked-files=all")
    except OSError:
        return "unknown", "unknown"
    if status.returncode != 0:
        return "unknown", "unknown"
    commit = git("log", "-1", "--format=%H").stdout.strip()  # nothing before the first commit
    return commit or "unknown", bool(status.stdout)


# --- The metadata for Kaggle's client -------------------------------------------------------------


def find_owner() -> str | None:
    """Returns the Kaggle user named in the environment or in kaggle.json; reads no key."""
    if owner := os.environ.get("KAGGLE_USERNAME"):
        return owner
    if chosen := os.environ.get("KAGGLE_CONFIG_DIR"):
        folders = [Path(chosen)]
    else:
        config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        folders = [Path.home() / ".kaggle", Path(config) / "kaggle"]
    for folder in folders:
        try:
            return str(json.loads((folder / "kaggle.json").read_text("utf-8"))["username"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def metadata(owner: str, title: str, code_file: str) -> str:
    """Renders kernel-metadata.json; the slug is the title's, as the site and the client make it."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", owner):
        raise BundleError(f"--owner {owner!r} is not a Kaggle user name")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 -]{3,48}[A-Za-z0-9]", title):
        raise BundleError(
            f"--title {title!r} must be 5 to 50 letters, digits, spaces or dashes, and begin and "
            "end with a letter or digit"
        )
    slug = re.sub(r"[ -]+", "-", title.lower())
    fields = {
        "id": f"{owner}/{slug}",
        "title": title,
        "code_file": code_file,
        "language": "python",
        "kernel_type": "notebook" if code_file.endswith(".ipynb") else "script",
        "is_private": True,
        "enable_gpu": True,
        "enable_tpu": False,
        "enable_internet": False,  # left out, the client would send true
        "machine_shape": "NvidiaTeslaT4",
        "keywords": [],
        "dataset_sources": [],
        "competition_sources": [COMPETITION],
        "kernel_sources": [],
        "model_sources": [],
    }
    return json.dumps(fields, indent=2) + "\n"


# --- The check ------------------------------------------------------------------------------------


def check_kernel(name: str, default: str) -> int:
    """Builds again what the kernel's head names, and says whether it is the same; writes nothing.

    `name` is KERNEL or NOTEBOOK. Returns 0 for the same bytes, else 1.
    """
    from local.errors import InputError  # noqa: PLC0415  (as above)

    instead = "build it with python build_kernel.py" + " --notebook" * (name == NOTEBOOK)
    try:
        text = (ROOT / name).read_bytes().decode("utf-8")
        command = str(head(pieces(name, text))[0]["command"])
        arguments = parse(shlex.split(command)[2:], default)
        if product(arguments) != name:
            raise ValueError(command)
    except OSError as error:
        raise BundleError(f"no {name} to check ({error.strerror}): {instead}") from None
    except (ValueError, KeyError):
        raise BundleError(f"{name} is not a file that this command builds: {instead}") from None
    try:
        made = assemble(arguments)
    except (BundleError, InputError) as error:
        raise BundleError(f"{name} cannot be built again by {command}: {error}") from None
    if made.text == text:
        print(f"{name} is what the sources give: {command}")
        return 0
    what = difference(name, text, made.text)
    print(f"build_kernel.py: {name} differs: {what}; build it again: {command}", file=sys.stderr)
    return 1


def pieces(name: str, text: str) -> list[str]:
    """Cuts a notebook into its cells, and a kernel into its lines."""
    return notebook.sources(text) if name == NOTEBOOK else text.split("\n")


def head(parts: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Reads BUILD and SHA256 out of a kernel; ValueError where they are not there."""
    pattern = r"^(?:BUILD|SHA256) = (\{\n.*?^\})$"
    found = re.findall(pattern, "\n".join(parts), re.MULTILINE | re.DOTALL)
    try:
        build, digests = (dict(ast.literal_eval(value)) for value in found[:2])
        return {**dict.fromkeys(ORIGIN), **build, "recipe": dict(build["recipe"])}, digests
    except (SyntaxError, KeyError, TypeError):
        raise ValueError("not the head of a kernel") from None


def difference(name: str, old_text: str, new_text: str) -> str:
    """Says in one line how a kernel differs from what the sources give now."""
    old, new = pieces(name, old_text), pieces(name, new_text)
    (was, was_carried), (now, now_carried) = head(old), head(new)
    if words := changed(was_carried, now_carried) + changed(settings(was), settings(now)):
        return ", ".join(words)
    pairs = enumerate(itertools.zip_longest(map(ours, old), map(ours, new)), start=1)
    if numbers := [number for number, (a, b) in pairs if a != b]:
        where = f"{'cell' if name == NOTEBOOK else 'line'} {numbers[0]}"
        return f"{where}: edited by hand, or the builder or the importer has changed"
    if old == new:
        return "only in outputs or other data saved with its cells, which are the same"
    before, after = (", ".join(f"{key}: {build[key]}" for key in ORIGIN) for build in (was, now))
    return f"only where it comes from, the code is the same: {before}; now {after}"


def ours(piece: str) -> str:
    """Leaves out the lines that say where a kernel comes from."""
    return re.sub(rf"^(?:    '|- )(?:{'|'.join(ORIGIN)})'?: .*$", "", piece, flags=re.MULTILINE)


def settings(build: dict[str, Any]) -> dict[str, Any]:
    """Returns what was chosen, flat: the recipe's settings, the hours, the command."""
    other = build.keys() - {"recipe", *ORIGIN}
    return build["recipe"] | {key: build[key] for key in sorted(other)}


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Names what is not the same in both."""
    states = {(True, True): "has changed", (True, False): "is gone", (False, True): "is new"}
    keys = [key for key in old | new if old.get(key) != new.get(key)]
    return [f"{key} {states[key in old, key in new]}" for key in keys]


# --- The command ----------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors take one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the command; bad use is 2 everywhere in this project."""
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def parse(argv: list[str], default: str) -> argparse.Namespace:
    """Reads the command line."""
    parser = Parser(
        prog="build_kernel.py",
        description="Build the one file that Kaggle runs, and its metadata.",
        epilog="examples:\n"
        "  python build_kernel.py\n"
        "  python build_kernel.py --owner yourname\n"
        "  python build_kernel.py --recipe dcgan --hours 0.5 batch=64\n"
        "  python build_kernel.py --notebook\n"
        "  python build_kernel.py --check\n"
        "then:\n"
        "  python -m submission rehearse --data PATH --limit 300\n"
        "  python -m submission push\n"
        "or, without its checks:\n"
        "  kaggle kernels push -p kernel",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--recipe", default=default, metavar="NAME", help=f"what to train (default {default})")
    add("--hours", type=float, default=9.0, metavar="H", help="time limit on Kaggle (default 9)")
    add("--owner", metavar="USER", help="your Kaggle user name (default: as Kaggle's client)")
    add("--title", help="the kernel's title, which also gives its address on Kaggle")
    add(
        "--keep-run",
        action="store_true",
        help="also leave the weights: to look at, not to submit (Kaggle takes images.zip alone)",
    )
    add("--notebook", action="store_true", help=f"write {NOTEBOOK} instead, a cell a module")
    add("--check", action="store_true", help="only compare the file with what the sources give")
    add("settings", nargs="*", metavar="key=value", help="changes to the recipe")
    arguments = parser.parse_intermixed_args(argv)
    if arguments.check and len(argv) > 1 + arguments.notebook:
        file = product(arguments)
        parser.error(f"--check stands alone: {file} itself names its recipe and settings")
    return arguments


def product(arguments: argparse.Namespace) -> str:
    """Returns the file to be built."""
    return NOTEBOOK if arguments.notebook else KERNEL


def write(path: Path, text: str) -> None:
    """Writes a file by rename, so that it is never there by halves."""
    path.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
        try:
            file.write(text.encode("utf-8"))
            file.close()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def assemble(arguments: argparse.Namespace) -> Bundle:
    """Makes the kernel that the arguments ask for; writes nothing."""
    from local import recipes  # noqa: PLC0415  (the functions above serve any project)

    if not 0 < arguments.hours <= MAX_HOURS:
        raise BundleError(f"--hours {arguments.hours:g} must be above 0 and at most {MAX_HOURS:g}")
    recipe = recipes.override(recipes.get(arguments.recipe), arguments.settings)
    options = ["--recipe", arguments.recipe, "--hours", f"{arguments.hours:g}"]
    options += ["--keep-run"] if arguments.keep_run else []
    options += ["--notebook"] if arguments.notebook else []
    return bundle(
        ROOT,
        ENTRY,
        {
            "recipe": dataclasses.asdict(recipe),
            "hours": arguments.hours,
            "keep_run": arguments.keep_run,
        },
        shlex.join(["python", "build_kernel.py", *options, *arguments.settings]),
        as_notebook=arguments.notebook,
    )


def write_kernel(arguments: argparse.Namespace) -> None:
    """Writes the kernel and its metadata; nothing is touched before everything is known good."""
    made = assemble(arguments)
    owner = arguments.owner or find_owner() or NO_OWNER
    title = arguments.title or "Generative dogs " + re.sub(r"\W|_", " ", arguments.recipe).strip()
    # The second copy is for a plain `kaggle kernels push` in the project's root.
    file = product(arguments)
    files = {"kernel/kernel-metadata.json": Path(file).name, "kernel-metadata.json": file}
    texts = {path: metadata(owner, title, code_file) for path, code_file in files.items()}
    try:
        for path, text in {file: made.text, **texts}.items():
            write(ROOT / path, text)
    except OSError as error:
        raise OSError(f"cannot write the kernel: {error}") from None
    if owner == NO_OWNER:
        print(f"warning: no Kaggle user found, {NO_OWNER} written: give --owner", file=sys.stderr)
    changes = {True: ", with uncommitted changes", False: ""}.get(made.build["dirty"], "")
    print(f"{file}: {len(made.text.encode()):,} bytes, {len(made.modules)} modules")
    print(f"recipe: {arguments.recipe}, {arguments.hours:g} h")
    print(f"commit: {made.build['commit']}{changes}")
    print("metadata: kernel/kernel-metadata.json and kernel-metadata.json")
    rehearse = "" if arguments.notebook else "python -m submission rehearse --limit 300, then "
    force = " --force" if arguments.notebook else ""  # a notebook cannot be rehearsed
    pushes = f"python -m submission push{force} (checked), or kaggle kernels push -p kernel"
    print(f"next: {rehearse}{pushes}")


def run(argv: list[str], default: str) -> int:
    """Does what the command line asks for; `default` is the recipe where none is named."""
    arguments = parse(argv, default)
    if arguments.check:
        return check_kernel(product(arguments), default)
    write_kernel(arguments)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    try:
        reachable(ROOT, ENTRY)  # before any of it is imported: what is broken is named, not raised
        from local import errors, recipes  # noqa: PLC0415
    except BundleError as error:
        print(f"build_kernel.py: {error}", file=sys.stderr)
        return 2
    words = sys.argv[1:] if argv is None else argv
    bad_input = (BundleError, errors.InputError)
    return errors.guarded("build_kernel.py", lambda: run(words, recipes.DEFAULT), bad_input)


if __name__ == "__main__":
    sys.exit(main())
