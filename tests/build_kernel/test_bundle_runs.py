"""The kernel when it runs: true tracebacks, and modules from memory only."""

import re
from importlib import metadata

import pytest

FAILING = {
    "local/train/__init__.py": "",
    "local/train/loop.py": "\n\n\ndef fail(step):\n    raise ValueError(step)  # true\n",
}
STALE = "# a stale line\n" * 9


def entry(body: str) -> dict[str, str]:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return {**FAILING, "local/kernel.py": f"def main(build, started):\n{lines}    return 0\n"}


@pytest.mark.parametrize(
    "body",
    [
        "from local.train import loop\nloop.fail(7)",
        "import threading\nfrom local.train.loop import fail\n"
        "t = threading.Thread(target=fail, args=(7,))\nt.start()\nt.join()",
        "import traceback\nfrom local.train.loop import fail\n"
        "try:\n    fail(7)\nexcept ValueError:\n    traceback.print_exc()",
        "import linecache\nfrom local.train.loop import fail\nlinecache.clearcache()\nfail(7)",
        "import linecache\nfrom local.train.loop import fail\nlinecache.checkcache()\nfail(7)",
    ],
    ids=["uncaught", "thread", "printed", "cache cleared", "cache checked"],
)
def test_tracebacks_show_the_true_file_line_and_source(
    project, bundle, run, python, tmp_path, body
):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "loop.py").write_text(STALE)  # on sys.path without -I
    ran = run(bundle(project(entry(body))).text, python, options=())
    place = re.escape(f'File "{ran.script}/local/train/loop.py", line 5, in fail')
    assert re.search(place + r"\n    raise ValueError\(step\)  # true\n", ran.err), ran.err
    assert "ValueError: 7" in ran.err
    assert "stale" not in ran.err


def test_a_form_feed_does_not_shift_the_lines(project, bundle, run, python):
    files = entry("from local.train import loop\nloop.fail(7)")
    # It ends no line for the compiler, but it does for str.splitlines.
    files["local/train/loop.py"] = "\n\x0c\ndef fail(step):\n    raise ValueError(step)  # true\n"
    ran = run(bundle(project(files)).text, python)
    assert "line 4, in fail\n    raise ValueError(step)  # true\n" in ran.err


def test_carried_modules_win_over_the_disk(project, bundle, run, python, tmp_path):
    stale = tmp_path / "src" / "local"
    stale.mkdir(parents=True)
    (stale / "__init__.py").write_text("raise SystemExit('stale')\n")
    ran = run(bundle(project(entry("import local\nprint(local.__file__)"))).text, python, ())
    assert ran.out.strip() == f"{ran.script}/local/__init__.py", ran.err


def test_a_module_that_is_not_carried_is_missing(project, bundle, run, python):
    body = "import importlib\nimportlib.import_module('local.' + 'gone')"
    ran = run(bundle(project(entry(body))).text, python)
    assert ran.code == 1
    assert "No module named 'local.gone'" in ran.err


def test_modules_look_like_files(project, bundle, run, python):
    body = """\
import inspect, importlib.util
from local.train import loop
print(inspect.getsource(loop.fail).count("# true"), loop.__package__, loop.__spec__.parent)
print(importlib.util.find_spec("local.train").submodule_search_locations[0])
import local.train
print(loop.__loader__.is_package("local.train"), loop.__loader__.is_package("local.train.loop"))"""
    ran = run(bundle(project(entry(body))).text, python)
    assert ran.out.splitlines() == [
        "1 local.train local.train",
        f"{ran.script}/local/train",
        "True False",
    ], ran.err


def test_spawned_workers_import_carried_modules(project, bundle, run, python):
    """A worker runs the kernel's file again: it must find the modules, and leave the work alone."""
    files = {
        "local/work.py": """
from local.table import FACTOR

def multiply(x): return FACTOR * x

def put(queue): queue.put([__name__, multiply.__code__.co_filename])
""",
        "local/table.py": "FACTOR = 2\n",
        "local/kernel.py": """
import multiprocessing
from local import work

def add(x): return x + 1

def main(build, started):
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.Queue()
    process = spawn.Process(target=work.put, args=(queue,))
    process.start()
    print(queue.get())
    process.join()
    with spawn.Pool(2) as pool:
        print(pool.map(work.multiply, [1, 2]), pool.map(add, [1, 2]), process.exitcode)
    return 0
""",
    }
    ran = run(bundle(project(files)).text, python)
    where = ["local.work", f"{ran.script}/local/work.py"]
    assert (ran.code, ran.err) == (0, "")
    assert ran.opening.startswith("command: ")
    assert ran.out == f"{where}\n[2, 4] [2, 3] 0\n"  # nothing twice


def test_the_exit_code_is_the_entrys(project, bundle, run):
    assert run(bundle(project(entry("return 5"))).text).code == 5


def test_the_log_begins_with_what_was_built_and_what_it_runs_on(project, bundle, run, python):
    ran = run(bundle(project(entry("print('work')"))).text, python)
    command, commit, recipe, limit, versions = ran.opening.splitlines()
    assert command == "command: python build_kernel.py"
    assert commit == "commit: unknown, dirty: unknown"
    assert recipe == "recipe: name=mini rate=0.5"
    assert limit == "limit: 9 h"
    assert re.match(r"versions: Python 3\.\d+\.\d+, torch \S+, torchvision \S+, numpy ", versions)
    assert ", Pillow " in versions
    assert ran.out == "work\n"

    ran = run(bundle(project(entry("print('work')"))).text, python, KERNEL_SECONDS="90")
    assert "limit: 90 s by KERNEL_SECONDS, in place of 9 h\n" in ran.opening


def test_the_first_lines_wait_for_no_import(project, bundle, run):
    """They are in the log even where the kernel's modules, or torch, cannot be imported."""
    files = {"local/kernel.py": "import sys\nprint('torch' in sys.modules)\nraise OSError('no')\n"}
    ran = run(bundle(project(files)).text)
    assert ran.code == 1
    assert ran.opening.splitlines()[-1].startswith("versions: ")
    assert ran.out == "False\n"


def test_versions_are_those_of_the_interpreter(project, bundle, run):
    installed = {name: metadata.version(name) for name in ("torch", "numpy", "Pillow")}
    lines = run(bundle(project(entry(""))).text).opening
    assert all(f" {name} {version}" in lines for name, version in installed.items())
    without = run(bundle(project(entry(""))).text, options=("-I", "-S"))
    assert "torch missing" in without.opening
