"""The kernel's text: exact, readable, and the same every time."""

import ast
import hashlib
import random
import shutil
import subprocess

from build_kernel import quoted


def header(text: str) -> dict[str, object]:
    """The constants at the top, read without running anything."""
    body = ast.parse(text).body
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("BUILD", "SHA256")
    }


def test_a_source_comes_back_exactly(project, bundle, run, source):
    show = """
import hashlib, sys
import local.awkward

def main(build, started):
    sources = sys.modules["__main__"].SOURCES
    digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in sources.items()}
    print(ascii([digests, repr(getattr(local.awkward, "X", None))]))
    return 0
"""
    root = project({"local/kernel.py": show, "local/awkward.py": source})
    text = bundle(root).text
    # The client, and an editor on any system, may read the kernel with universal newlines.
    assert "\r" not in text
    ran = run(text)
    assert ran.code == 0, ran.err
    digests, value = ast.literal_eval(ran.out)
    assert digests == header(text)["SHA256"]
    assert digests["local/awkward.py"] == hashlib.sha256(source).hexdigest()
    expected: dict[str, object] = {}
    exec(compile(source, "awkward", "exec"), expected)
    assert value == repr(expected.get("X"))


def test_any_text_survives_quoting():
    generator = random.Random(0)
    for _ in range(5_000):
        text = "".join(generator.choices("ab'\"\\\n\r\ufeffé{}", k=generator.randrange(12)))
        assert ast.literal_eval(quoted(text))[1:] == text


def test_sources_are_readable(project, bundle):
    source = '"""Docs, with a \\\\ in them."""\n\nSTEP = 1  # why\n'
    text = bundle(project({"local/kernel.py": source})).text
    assert f"\n{source}" in text
    assert text.startswith("import time\n\nSTARTED = time.monotonic()")


def test_the_header_says_what_was_built(project, bundle):
    root = project({"local/kernel.py": ""})
    assert header(bundle(root).text)["BUILD"] == {
        "command": "python build_kernel.py",
        "recipe": {"name": "mini", "rate": 0.5},
        "hours": 9.0,
        "commit": "unknown",
        "dirty": "unknown",
    }


def test_the_same_sources_give_the_same_bytes_anywhere(project, bundle, tmp_path):
    root = project({"local/kernel.py": "import local.b\n", "local/b.py": ""})
    text = bundle(root).text
    shutil.move(root, tmp_path / "elsewhere")
    assert bundle(tmp_path / "elsewhere").text == text
    assert str(tmp_path) not in text


def test_the_commit_is_the_last_that_touched_a_carried_file(project, bundle):
    root = project({"local/kernel.py": "import local.b\n", "local/b.py": "", "README.md": ""})

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        command = ["git", *who, "-C", str(root), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def state() -> tuple[object, object]:
        build = bundle(root).build
        return build["commit"], build["dirty"]

    git("init", "-q")
    assert state() == ("unknown", True)  # nothing is tracked yet
    git("add", ".")
    git("commit", "-qm", "all")
    first = git("rev-parse", "HEAD")
    assert state() == (first, False)

    clean = bundle(root).text
    (root / "README.md").write_text("changed")
    git("commit", "-qam", "docs")
    (root / "README.md").write_text("changed again")
    assert bundle(root).text == clean

    (root / "local" / "b.py").write_text("X = 1\n")
    assert state() == (first, True)
    git("commit", "-qam", "b")
    assert state() == (git("rev-parse", "HEAD"), False)

    (root / "local" / "new.py").write_text("")
    assert state()[1] is False  # not carried
    (root / ".gitignore").write_text("new.py\n")
    (root / "local" / "b.py").write_text("import local.new\n")
    git("commit", "-qam", "uses new")
    assert state()[1] is True  # carried, ignored by git and so in no commit


def test_without_git_the_state_is_unknown(project, bundle, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    build = bundle(project({"local/kernel.py": ""})).build
    assert (build["commit"], build["dirty"]) == ("unknown", "unknown")
