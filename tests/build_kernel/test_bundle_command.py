"""`python build_kernel.py` on a copy of the project with a miniature entry."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from build_kernel import NO_OWNER, ROOT, reachable
from local.recipes import DEFAULT

PARTS = ("importer", "launcher", "notebook", "opening", "receiver")
PRODUCTS = ("kernel/kernel.py", "kernel/kernel-metadata.json", "kernel-metadata.json")


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    recipes = [module.path for module in reachable(ROOT, "local.recipes")]
    parts = [f"kernel/{name}.py" for name in PARTS]
    for name in ("build_kernel.py", *parts, *recipes):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    entry = "import local.recipes\n\ndef main(build, started):\n    print(build)\n    return 0\n"
    (root / "local" / "kernel.py").write_text(entry)
    return root


@pytest.fixture
def command(checkout, tmp_path):
    """Runs it by a bare interpreter: no site-packages, nobody's home."""

    def run(*arguments: str, **variables: str) -> SimpleNamespace:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), **variables}
        answer = subprocess.run(
            [sys.executable, "-S", "-B", str(checkout / "build_kernel.py"), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return SimpleNamespace(code=answer.returncode, out=answer.stdout, err=answer.stderr)

    return run


def metadata(checkout: Path) -> list[dict[str, object]]:
    return [json.loads((checkout / name).read_text()) for name in PRODUCTS[1:]]


def test_it_writes_a_kernel_and_its_metadata_twice(checkout, command):
    settings = ("batch=64", "--hours", "0.5", "flip=false")
    ran = command("--owner", "me", "--recipe", "dcgan", *settings)
    assert (ran.code, ran.err) == (0, "")
    text = (checkout / "kernel" / "kernel.py").read_text()
    command_line = "python build_kernel.py --recipe dcgan --hours 0.5 batch=64 flip=false"
    assert f"    'command': {command_line!r},\n" in text
    assert "'batch': 64" in text
    inner, outer = metadata(checkout)
    assert inner | {"code_file": "kernel/kernel.py"} == outer
    assert inner == {
        "id": "me/generative-dogs-dcgan",
        "title": "Generative dogs dcgan",
        "code_file": "kernel.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": True,
        "enable_tpu": False,
        "enable_internet": False,
        "machine_shape": "NvidiaTeslaT4",
        "keywords": [],
        "dataset_sources": [],
        "competition_sources": ["generative-dog-images"],
        "kernel_sources": [],
        "model_sources": [],
    }
    assert f"{len(text.encode()):,} bytes, {text.count('SOURCES[')} modules" in ran.out
    assert "kaggle kernels push -p kernel" in ran.out
    extra = [p for p in checkout.rglob("*") if p.is_file() and p.suffix not in (".py", ".json")]
    assert extra == []


def test_two_builds_are_the_same_bytes(checkout, command):
    command("--owner", "me")
    first = [(checkout / name).read_bytes() for name in PRODUCTS]
    command("--owner", "me", "--recipe", DEFAULT, "--hours", "9.0")
    assert [(checkout / name).read_bytes() for name in PRODUCTS] == first


BAD_USE = {
    "recipe": (["--recipe", "nosuch"], "nosuch"),
    "key": (["nosuch=1"], "nosuch"),
    "value": (["batch=many"], "batch"),
    "no value": (["batch"], "batch"),
    "no time": (["--hours", "0"], "--hours"),
    "too long": (["--hours", "12.1"], "--hours"),
    "not a number": (["--hours", "nan"], "--hours"),
    "not a figure": (["--hours", "ten"], "--hours"),
    "option": (["--nosuch"], "--nosuch"),
    "owner": (["--owner", "me/you"], "--owner"),
    "title": (["--title", "Größe"], "--title"),
    "short title": (["--title", "dogs"], "--title"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "word"), BAD_USE.values(), ids=BAD_USE.keys())
def test_bad_use_is_one_line_and_touches_nothing(checkout, command, arguments, word):
    (checkout / "kernel" / "kernel.py").write_text("older")
    ran = command(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert word in ran.err
    assert (checkout / "kernel" / "kernel.py").read_text() == "older"
    assert not (checkout / "kernel-metadata.json").exists()


def test_a_refused_source_leaves_the_older_kernel(checkout, command):
    (checkout / "kernel" / "kernel.py").write_text("older")
    (checkout / "local" / "kernel.py").write_text("import pandas\n")
    ran = command()
    assert ran.code == 2
    assert ran.err.startswith("build_kernel.py: local/kernel.py:1: local.kernel imports pandas")
    assert ran.err.count("\n") == 1
    assert (checkout / "kernel" / "kernel.py").read_text() == "older"


@pytest.mark.slow
def test_the_owner_comes_from_the_environment_or_kaggle_json(checkout, command, tmp_path):
    def owner() -> str:
        return str(metadata(checkout)[0]["id"]).partition("/")[0]

    ran = command()
    assert ran.code == 0
    assert owner() == NO_OWNER
    assert "--owner" in ran.err

    for folder in ("home/.config/kaggle", "home/.kaggle", "chosen"):
        path = tmp_path / folder / "kaggle.json"
        path.parent.mkdir(parents=True)
        name = folder.rpartition("/")[2].strip(".")
        path.write_text(json.dumps({"username": f"{name}-user", "key": "0123456789abcdef"}))
        chosen = {"KAGGLE_CONFIG_DIR": str(path.parent)} if folder == "chosen" else {}
        assert command(**chosen).err == ""
        assert owner() == f"{name}-user"
    assert command(KAGGLE_USERNAME="variable", KAGGLE_KEY="0123456789abcdef").err == ""
    assert owner() == "variable"
    assert command("--owner", "flag", KAGGLE_USERNAME="variable").err == ""
    assert owner() == "flag"
    assert all("0123456789abcdef" not in (checkout / name).read_text() for name in PRODUCTS)

    (tmp_path / "home" / ".kaggle" / "kaggle.json").write_text("not json")
    assert command().code == 0


def test_a_title_gives_the_slug(checkout, command):
    assert command("--owner", "me", "--title", "Dogs - take 2").code == 0
    fields = metadata(checkout)[0]
    assert (fields["id"], fields["title"]) == ("me/dogs-take-2", "Dogs - take 2")


def test_help_has_examples(command):
    ran = command("--help")
    assert ran.code == 0
    assert "python build_kernel.py --owner yourname" in ran.out


def test_the_built_kernel_runs(checkout, command):
    command("--owner", "me", "--hours", "2")
    kernel = checkout / "kernel" / "kernel.py"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(kernel)], capture_output=True, text=True, check=True
    )
    assert "'hours': 2.0" in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["def f(\n", "import pandas\n"])
@pytest.mark.parametrize(
    "name",
    [
        "local/recipes/record.py",
        "local/errors.py",
        "local/__init__.py",
        "kernel/importer.py",
        "kernel/opening.py",
    ],
)
def test_what_the_command_itself_imports_is_named_too(checkout, command, name, broken):
    assert command().code == 0
    before = (checkout / "kernel" / "kernel.py").read_bytes()
    with (checkout / name).open("a") as file:
        file.write(broken)
    ran = command()
    assert ran.code == 2
    assert Path(name).name in ran.err
    assert "Traceback" not in ran.err
    assert len([line for line in ran.err.splitlines() if "warning" not in line]) == 1
    assert (checkout / "kernel" / "kernel.py").read_bytes() == before


def test_a_size_that_no_network_draws_is_refused(command):
    ran = command("size=50")
    assert ran.code == 2
    assert "size must be one of 16, 28, 32, 56, 64, 112, 128" in ran.err


def test_a_place_that_cannot_be_written_is_one_line(checkout, command):
    (checkout / "kernel" / "kernel.py").mkdir()
    ran = command()
    assert ran.code == 1
    assert "cannot write the kernel" in ran.err and "Traceback" not in ran.err


def test_results_that_nobody_reads_end_it_quietly(checkout, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        run = [sys.executable, "-S", "-B", str(checkout / "build_kernel.py"), "--owner", "me"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        ran = subprocess.run(
            run, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ran.returncode, ran.stderr) == (141, "")
    assert all((checkout / name).is_file() for name in PRODUCTS)


def check(checkout, command, *options) -> SimpleNamespace:
    """Runs `--check`, which must say one line and write nothing."""

    def state() -> dict[Path, tuple[int, bytes]]:
        files = [
            path for path in checkout.rglob("*") if path.is_file() and ".git" not in path.parts
        ]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = state()
    ran = command("--check", *options)
    assert state() == before
    lines = ran.out + ran.err
    assert lines.count("\n") == 1 and lines.endswith("\n")
    assert bool(ran.out) == (ran.code == 0)
    return ran


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.slow
def test_check_passes_what_the_sources_give(checkout, command):
    command("--owner", "me", "--recipe", "dcgan", "--hours", "0.5", "batch=64")
    ran = check(checkout, command)
    line = "python build_kernel.py --recipe dcgan --hours 0.5 batch=64"
    assert (ran.code, ran.out) == (0, f"kernel/kernel.py is what the sources give: {line}\n")
    command("--hours", "2")  # the settings are the header's, not the defaults
    assert check(checkout, command).code == 0


CHANGES = {
    "module changed": ("local/kernel.py", "return 0", "return 1", "local/kernel.py has changed"),
    "module new": ("local/kernel.py", "import ", "import local.extra, ", "local/extra.py is new"),
    "module gone": ("local/kernel.py", "local.recipes", "json", "recipes/record.py is gone"),
    "recipe": (
        "local/recipes/record.py",
        "batch: int = 128",
        "batch: int = 32",
        "batch has changed",
    ),
    "setting new": (
        "local/recipes/record.py",
        "    batch: ",
        "    bath: int = 1\n    batch: ",
        "bath is new",
    ),
    "importer": ("kernel/importer.py", "import sys", "import sys  # more", "importer has changed"),
    "opening": ("kernel/opening.py", "commit: ", "made from: ", "line "),
    "builder": ("build_kernel.py", "# This file is built:", "# Built:", "line 5: "),
    "by hand": ("kernel/kernel.py", "return 0", "return 7", "edited by hand"),
    "by hand, at the end": ("kernel/kernel.py", "os._exit(code)", "exit", "edited by hand"),
    "setting by hand": ("kernel/kernel.py", "'hours': 9.0", "'hours': 8.0", "hours has changed"),
}
AT_ONCE = ("module changed", "setting new", "by hand")  # the others can wait
CASES = [
    pytest.param(*change, id=name, marks=[] if name in AT_ONCE else pytest.mark.slow)
    for name, change in CHANGES.items()
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "old", "new", "words"), CASES)
def test_check_says_what_differs_and_how_to_build_again(checkout, command, name, old, new, words):
    (checkout / "local" / "extra.py").write_text("")
    command("--owner", "me", "--recipe", "dcgan")
    edit(checkout / name, old, new)
    ran = check(checkout, command)
    assert ran.code == 1
    assert ran.err.startswith("build_kernel.py: kernel/kernel.py differs: ")
    assert words in ran.err
    again = "python build_kernel.py --recipe dcgan --hours 9"
    assert ran.err.endswith(f"; build it again: {again}\n")
    command(*again.split()[2:])
    assert check(checkout, command).code == 0


@pytest.mark.slow
def test_check_and_commits(checkout, command):
    """A commit elsewhere changes nothing; the same code from another state is said to be that."""

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        line = ["git", *who, "-C", str(checkout), *arguments]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()

    (checkout / ".gitignore").write_text("/kernel/kernel.py\n*.json\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "all")
    first = git("rev-parse", "HEAD")
    command("--owner", "me")
    (checkout / "README.md").write_text("about")
    git("add", ".")
    git("commit", "-qm", "elsewhere")
    assert check(checkout, command).code == 0

    edit(checkout / "local" / "kernel.py", "return 0", "return 1")
    assert "local/kernel.py has changed" in check(checkout, command).err
    command("--owner", "me")
    assert check(checkout, command).code == 0
    git("commit", "-qam", "what was built")
    ran = check(checkout, command)
    assert ran.code == 1
    before, after = (
        f"commit: {first}, dirty: True",
        f"commit: {git('rev-parse', 'HEAD')}, dirty: False",
    )
    assert f"only where it comes from, the code is the same: {before}; now {after};" in ran.err


NOTHING_TO_CHECK = {
    "no kernel": (None, "no kernel/kernel.py to check (No such file or directory)"),
    "other text": (b"print('mine')\n", "not a file that this command builds"),
    "no text": (b"\xff\xfe", "not a file that this command builds"),
    "no literal": (b"BUILD = {\n  f(),\n}\nSHA256 = {\n}\n", "not a file that this command"),
    "no command": (b"BUILD = {\n'recipe': {},\n}\nSHA256 = {\n}\n", "not a file that this command"),
    "unknown recipe": (
        b"BUILD = {\n'recipe': {},\n'command': 'python b.py --recipe nosuch',\n}\nSHA256 = {\n}\n",
        "cannot be built again by python b.py --recipe nosuch: ",
    ),
    "unknown option": (
        b"BUILD = {\n'recipe': {},\n'command': 'python b.py --nosuch',\n}\nSHA256 = {\n}\n",
        "--nosuch",
    ),
}


@pytest.mark.parametrize(("content", "words"), NOTHING_TO_CHECK.values(), ids=NOTHING_TO_CHECK)
def test_check_needs_a_kernel_that_was_built_here(checkout, command, content, words):
    if content is not None:
        (checkout / "kernel" / "kernel.py").write_bytes(content)
    ran = check(checkout, command)
    assert ran.code == 2
    assert words in ran.err


def test_check_takes_nothing_beside_it(checkout, command):
    command("--owner", "me")
    ran = command("--check", "--recipe", "dcgan")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "--check stands alone" in ran.err


def test_the_weights_are_kept_only_where_that_is_asked_for(checkout, command):
    kernel = checkout / "kernel" / "kernel.py"
    command("--owner", "me")
    assert "'keep_run': False," in kernel.read_text()
    command("--owner", "me", "--keep-run")
    text = kernel.read_text()
    assert "'keep_run': True," in text
    assert "--keep-run" in text.partition("SHA256")[0]  # in the command that builds it again
    assert check(checkout, command).code == 0


NOTEBOOK_LINE = "python build_kernel.py --recipe dcgan --hours 9 --notebook batch=64"


@pytest.fixture
def built_notebook(checkout, command):
    assert command("--owner", "me", *NOTEBOOK_LINE.split()[2:]).code == 0
    return checkout / "kernel" / "kernel.ipynb"


def test_a_notebook_takes_the_scripts_place(checkout, command, built_notebook):
    first = built_notebook.read_bytes()
    of_notebook = metadata(checkout)
    assert NOTEBOOK_LINE in "".join(json.loads(first)["cells"][0]["source"])
    assert not (checkout / "kernel" / "kernel.py").exists()
    ran = command("--owner", "me", "--notebook", "--recipe", "dcgan", "batch=64")
    assert built_notebook.read_bytes() == first
    assert ran.out.startswith(f"kernel/kernel.ipynb: {len(first):,} bytes, ")
    assert "rehearse" not in ran.out  # which takes the script
    command("--owner", "me", "--recipe", "dcgan")
    folders = "", "kernel/"
    for notebook, script, folder in zip(of_notebook, metadata(checkout), folders, strict=True):
        named = folder + "kernel.ipynb"
        assert notebook == script | {"code_file": named, "kernel_type": "notebook"}


def test_check_passes_a_notebook_that_the_sources_give(checkout, command, built_notebook):
    ran = check(checkout, command, "--notebook")
    expected = f"kernel/kernel.ipynb is what the sources give: {NOTEBOOK_LINE}\n"
    assert (ran.code, ran.out) == (0, expected)


OUTPUT = '"outputs": [{"name": "stdout", "output_type": "stream", "text": "1"}]'
NOTEBOOK_CHANGES = {
    "module": ("local/kernel.py", "return 0", "return 1", "local/kernel.py has changed"),
    "launcher": ("kernel/launcher.py", "import sys", "import sys  # more", ": edited by hand"),
    "by hand": ("kernel/kernel.ipynb", "return 0", "return 7", ": edited by hand"),
    "on top": ("kernel/kernel.ipynb", "Trains on", "Is trained on", "cell 1: edited by hand"),
    "run": ("kernel/kernel.ipynb", '"outputs": []', OUTPUT, "only in outputs or other data"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new", "words"), NOTEBOOK_CHANGES.values(), ids=NOTEBOOK_CHANGES.keys()
)
def test_check_says_how_a_notebook_differs(
    checkout, command, built_notebook, name, old, new, words
):
    edit(checkout / name, old, new)
    ran = check(checkout, command, "--notebook")
    assert ran.code == 1
    assert ran.err.startswith("build_kernel.py: kernel/kernel.ipynb differs: ")
    assert words in ran.err
    assert ran.err.endswith(f"; build it again: {NOTEBOOK_LINE}\n")


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"cells": [{"source": "print()"}]}'])
def test_check_needs_a_notebook_that_was_built_here(checkout, command, content):
    if content is not None:
        (checkout / "kernel" / "kernel.ipynb").write_text(content)
    ran = check(checkout, command, "--notebook")
    assert ran.code == 2
    assert "kernel/kernel.ipynb" in ran.err
    assert ran.err.endswith(": build it with python build_kernel.py --notebook\n")


def test_check_takes_no_notebook_for_a_script(checkout, command, built_notebook):
    edit(built_notebook, "'command': 'python build_kernel.py ", "'command': 'python b.py a=1 ")
    edit(built_notebook, "9 --notebook batch=64',", "9 batch=64',")
    assert "not a file that this command" in check(checkout, command, "--notebook").err


def test_a_notebook_of_another_commit_is_told_apart(checkout, command):
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *who, "-C", str(checkout), *arguments], check=True)

    (checkout / ".gitignore").write_text("*.ipynb\n*.json\n")
    git("init", "-q")
    git("add", ".")
    command("--owner", "me", "--notebook")
    git("commit", "-qm", "all")
    ran = check(checkout, command, "--notebook")
    assert ran.code == 1
    assert "only where it comes from, the code is the same: commit: unknown, dirty: True" in ran.err
