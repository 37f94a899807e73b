"""The kernel as a notebook: readable, exact, and, run by Jupyter, what the script is."""

import ast
import hashlib
import json
import os
import re
import signal
import time
from dataclasses import asdict, replace
from types import SimpleNamespace

import psutil
import pytest
from helpers import ROOT

import build_kernel
from local import recipes
from submission import archive

nbformat = pytest.importorskip("nbformat", reason="needs Jupyter: pip install nbclient ipykernel")
nbclient = pytest.importorskip("nbclient", reason="needs Jupyter: pip install nbclient ipykernel")
pytest.importorskip("ipykernel", reason="needs Jupyter: pip install nbclient ipykernel")

COUNT = 24  # pictures in images.zip
TINY = replace(recipes.Recipe(), size=16, g_width=4, d_width=4, latent=8, batch=8)


def cells_of(text):
    return nbformat.reads(text, 4).cells


def cell_of(cells, path):
    first = f'%%writefile "{{FOLDER}}/{path}"\n'
    return next(cell for cell in cells if cell.source.startswith(first))


class Client(nbclient.NotebookClient):
    """Does something as soon as a word appears in the output, while the cell still runs."""

    def __init__(self, notebook, reactions, **settings):
        super().__init__(notebook, **settings)
        self.reactions = reactions

    def process_message(self, message, cell, cell_index):
        if message["msg_type"] == "stream":
            for word in [word for word in self.reactions if word in message["content"]["text"]]:
                self.reactions.pop(word)(self, message["content"]["text"])
        return super().process_message(message, cell, cell_index)


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Runs cells in an empty folder; the folder of temporary files has a space in its name."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "with space"))
    (tmp_path / "with space").mkdir()

    def start(cells, reactions=(), **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        working = tmp_path / "working"
        working.mkdir()
        notebook = nbformat.v4.new_notebook(cells=cells)
        place = {"metadata": {"path": str(working)}}
        client = Client(
            notebook, dict(reactions), timeout=300, kernel_name="python3", resources=place
        )
        error = None
        try:
            client.execute()
        except (nbclient.exceptions.CellExecutionError, nbclient.exceptions.DeadKernelError) as e:
            error = e
        streams = [out for cell in cells for out in cell.get("outputs", []) if "text" in out]
        last = "".join(out.text for out in cells[-1].get("outputs", []) if "text" in out)
        lines = last.splitlines(keepends=True)
        return SimpleNamespace(
            cells=cells,
            error=error,
            opening="".join(lines[:5]),
            out="".join(lines[5:]),
            text="".join(out.text for out in streams),
            working=working,
            left=sorted(path.name for path in working.iterdir()),
            scratch=[path.name for path in (tmp_path / "with space").glob("kernel-*")],
        )

    return start


def entry(body, **modules):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    source = f"import os, sys, time\n\n\ndef main(build, started):\n{lines}    return 0\n"
    return {"local/kernel.py": source} | {f"local/{k}.py": v for k, v in modules.items()}


def test_it_is_a_notebook_as_jupyter_writes_it(bundle):
    text = bundle(ROOT, as_notebook=True).text
    assert bundle(ROOT, as_notebook=True).text == text
    nbformat.validate(json.loads(text), version=4, version_minor=5)
    assert nbformat.writes(nbformat.reads(text, nbformat.NO_CONVERT)) + "\n" == text
    cells = cells_of(text)
    assert len({cell.id for cell in cells}) == len(cells)
    for cell in cells[1:]:
        assert (cell.cell_type, cell.outputs, cell.execution_count) == ("code", [], None)


def test_it_says_what_it_is_and_how_it_was_made(project, bundle):
    made = bundle(project({"local/kernel.py": "X = 1\n"}), as_notebook=True)
    about, first = cells_of(made.text)[:2]
    assert about.cell_type == "markdown"
    for fact in ("command: `python build_kernel.py`", "commit: unknown, dirty: unknown", "9 h"):
        assert fact in about.source
    assert "name=mini rate=0.5" in about.source
    assert first.source.startswith("import time\n\nSTARTED = time.monotonic()")
    build = re.search(r"^BUILD = (\{.*?^\})", first.source, re.MULTILINE | re.DOTALL)
    assert ast.literal_eval(build[1]) == made.build


@pytest.mark.slow
def test_each_module_is_a_cell_with_its_plain_source(bundle):
    made = bundle(ROOT, as_notebook=True)
    assert [module.path for module in made.modules] == [m.path for m in bundle(ROOT).modules]
    cells = cells_of(made.text)
    for module in made.modules:
        if module.source:
            source = cell_of(cells, module.path).source.partition("\n")[2] + "\n"
            assert source.encode() == module.source


@pytest.mark.slow
def test_every_file_is_written_to_the_byte(project, bundle, execute, awkward):
    show = "import hashlib, json\nfrom pathlib import Path\nimport local\n"
    show += "".join(f"import local.awkward{number}\n" for number in range(len(awkward)))
    show += """
def main(build, started):
    root = Path(local.__file__).parents[1]
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*/*.py")}
    print(json.dumps({path: hashlib.sha256(files[path]).hexdigest() for path in files}))
    return 0
"""
    files = {f"local/awkward{n}.py": source for n, source in enumerate(awkward.values())}
    made = bundle(project({"local/kernel.py": show, **files}), as_notebook=True)
    assert "\r" not in made.text
    ran = execute(cells_of(made.text))
    assert ran.error is None
    sources = {module.path: module.source for module in made.modules}
    digests = {path: hashlib.sha256(sources[path]).hexdigest() for path in sources}
    assert json.loads(ran.out) == digests  # nothing was said to have changed, either


def test_a_run_is_that_of_the_script(project, bundle, execute, tmp_path):
    """Lines come while it runs, workers find the modules, the clock starts in the first cell."""
    body = """\
print("ready", flush=True)
until = time.monotonic() + 30
while not os.path.exists(os.environ["SEEN"]) and time.monotonic() < until:
    time.sleep(0.01)
print("seen", time.monotonic() < until, time.monotonic() - started > 1.5, build["hours"])
import multiprocessing
from local.work import double
with multiprocessing.get_context("spawn").Pool(2) as pool:
    print(pool.map(double, [1, 2]))
print("a warning", file=sys.stderr)
open("images.zip", "w").close()
print('{"images": 0}')"""
    root = project(entry(body, work="def double(x): return 2 * x\n"))
    cells = cells_of(bundle(root, as_notebook=True).text)
    cells.insert(2, nbformat.v4.new_code_cell("time.sleep(1.5)"))
    seen = tmp_path / "seen"
    ran = execute(cells, {"ready": lambda *_: seen.touch()}, SEEN=str(seen))
    assert ran.error is None
    assert ran.opening.startswith("command: python build_kernel.py\ncommit: unknown")
    said = 'ready\nseen True True 9.0\n[2, 4]\na warning\n{"images": 0}\n'
    assert ran.out == said
    assert ran.left == ["images.zip"] and ran.scratch == []


@pytest.mark.slow
def test_a_failed_run_fails_its_cell_after_its_lines(project, bundle, execute):
    root = project(entry("print('kernel: no data', file=sys.stderr)\nreturn 2"))
    ran = execute(cells_of(bundle(root, as_notebook=True).text))
    assert ran.error.ename == "RuntimeError"
    assert "exit code 2, its last lines say why" in ran.error.evalue
    assert ran.out == "kernel: no data\n"


@pytest.mark.slow
def test_a_traceback_shows_the_modules_own_file_line_and_source(project, bundle, execute):
    root = project(entry("from local.train import fail\nfail(7)", train=FAILING))
    ran = execute(cells_of(bundle(root, as_notebook=True).text))
    place = r'/local/train\.py", line 4, in fail\n    raise ValueError\(step\)  # true\n'
    assert re.search(place, ran.out) and "ValueError: 7" in ran.out
    assert "exit code 1" in ran.error.evalue


FAILING = "\n\ndef fail(step):\n    raise ValueError(step)  # true\n"
WAITS = """\
import signal
asked = []
signal.signal(signal.SIGINT, lambda *_: asked.append(1))
print("ready", os.getpid(), flush=True)
until = time.monotonic() + 60
while not asked and time.monotonic() < until:
    time.sleep(0.01)
time.sleep(0.5)
print("asked", len(asked), "alone", os.getpgrp() == os.getpid())
return 130"""


def stop(client, said):
    os.killpg(client.km.provisioner.pid, signal.SIGINT)  # as Jupyter's button does


@pytest.mark.slow
def test_stopping_the_cell_asks_the_run_once_for_its_last_archive(project, bundle, execute):
    ran = execute(cells_of(bundle(project(entry(WAITS)), as_notebook=True).text), {"ready": stop})
    assert ran.out.endswith("\nasked 1 alone True\n")  # two at once may look like one
    assert "exit code 130" in ran.error.evalue


@pytest.mark.slow
def test_the_run_ends_with_the_notebook_even_a_killed_one(project, bundle, execute):
    running = []

    def kill(client, said):
        running.append(psutil.Process(int(re.search(r"ready (\d+)", said)[1])))
        os.killpg(client.km.provisioner.pid, signal.SIGKILL)

    ran = execute(cells_of(bundle(project(entry(WAITS)), as_notebook=True).text), {"ready": kill})
    assert isinstance(ran.error, nbclient.exceptions.DeadKernelError)
    psutil.wait_procs(running, timeout=20)
    assert not running[0].is_running() or running[0].status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_a_changed_cell_is_used_and_makes_the_run_dirty(project, bundle, execute):
    """As in a browser: all cells, one changed and run again, the first one, the last one."""
    root = project(entry("from local.work import X\nprint(X, build['dirty'])", work="X = 1\n"))
    cells = cells_of(bundle(root, as_notebook=True).text)
    changed = cell_of(cells, "local/work.py").source.replace("X = 1", "X = 2")
    again = [changed, cells[1].source, cells[-1].source]
    ran = execute([*cells, *map(nbformat.v4.new_code_cell, again)])
    assert ran.error is None
    assert "1 unknown\n" in ran.text  # before the change
    last = "".join(out.text for out in ran.cells[-1].outputs)
    assert last.startswith("changed in this notebook: local/work.py\ncommand: ")
    assert last.endswith("\n2 True\n")


@pytest.mark.slow
def test_a_cell_that_was_not_run_is_named(project, bundle, execute):
    root = project(entry("from local import work", work="X = 1\n"))
    cells = cells_of(bundle(root, as_notebook=True).text)
    cells.remove(cell_of(cells, "local/work.py"))
    ran = execute(cells)
    assert ran.error.evalue == "first run the cells of local/work.py, or all cells"


def test_over_the_limit_is_refused_too(project, bundle):
    big = "# " + "x" * build_kernel.MAX_BYTES + "\n"
    root = project({"local/kernel.py": "import local.big\n", "local/big.py": big})
    with pytest.raises(build_kernel.BundleError, match=r"^local/big\.py:1: kernel\.ipynb "):
        bundle(root, as_notebook=True)


def kernel_cells():
    """The project's own notebook, with one cell changed: it writes few pictures."""
    settings = {"recipe": asdict(TINY), "hours": 9.0, "keep_run": False}
    command = "python build_kernel.py --notebook"
    made = build_kernel.bundle(ROOT, "local.kernel", settings, command, as_notebook=True)
    cells = cells_of(made.text)
    replace_in(cell_of(cells, "submission/archive.py"), "\nCOUNT = 10_000 ", f"\nCOUNT = {COUNT} ")
    return cells


def replace_in(cell, old, new):
    assert cell.source.count(old) == 1
    cell.source = cell.source.replace(old, new)


@pytest.mark.slow
def test_the_kernel_itself_runs_as_a_notebook(execute, make_dogs):
    """The limit is one for a busy machine."""
    data = str(make_dogs(30))
    start = time.monotonic()
    ran = execute(kernel_cells(), KAGGLE_INPUT=data, KERNEL_SECONDS="20", OMP_NUM_THREADS="1")
    assert ran.error is None, ran.text
    assert time.monotonic() - start < 40  # Jupyter's own start and end come on top
    assert ran.left == ["images.zip"] and ran.scratch == []
    assert "changed in this notebook: submission/archive.py\n" in ran.text
    assert "limit: 20 s by KERNEL_SECONDS" in ran.text
    result = json.loads(ran.out.splitlines()[-1])
    assert result["stopped"] is None and result["total_seconds"] < 20
    assert result["images"] == COUNT and result["steps"] > 0 and result["dirty"] is True
    summary = archive.check(ran.working / "images.zip", COUNT)
    assert summary.images == COUNT and summary.comment["recipe"] == asdict(TINY)


@pytest.mark.slow
def test_a_team_spawned_by_a_notebook_is_stopped_with_a_last_archive(execute, make_dogs):
    """As on two GPUs, for which it takes the CPU twice here."""
    cells = kernel_cells()
    replace_in(cell_of(cells, "local/train/devices.py"), "or [_cpu()]\n", "or [_cpu(), _cpu()]\n")
    data = str(make_dogs(30))
    variables = {"KAGGLE_INPUT": data, "KERNEL_SECONDS": "300", "OMP_NUM_THREADS": "1"}
    ran = execute(cells, {"samples at": stop}, **variables)
    assert "exit code 130" in ran.error.evalue
    result = json.loads(ran.out.splitlines()[-1])
    assert result["device"].startswith("2 x CPU") and result["stopped"] == "by SIGINT"
    assert archive.check(ran.working / "images.zip", COUNT).comment["device"] == result["device"]
    assert ran.left == ["images.zip"] and ran.scratch == []
