"""What the bundler follows, and what it refuses."""

import subprocess
import sys

import pytest

import build_kernel
from build_kernel import BundleError

SHAPES = {
    "local/kernel.py": """
import json
import local.plain as plain
from local import VERSION, pack, single
from local.pack import sub, value
from local.pack.deep.leaf import name as leaf
from local.starred import *
from submission import archive
import typing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas
    from local import only_for_types
if typing.TYPE_CHECKING:
    import scipy
else:
    from local import otherwise


def main(build, started):
    from . import lazy
    from .pack import cycle_a

    class Inner:
        from local.types import Shape

    print(json.dumps([
        plain.NAME, VERSION, single.__name__, pack.value, sub.up, value, leaf, first.NAME,
        archive.NAME, lazy.NAME, cycle_a.both(), Inner.Shape.__module__, otherwise.NAME,
        build["recipe"], started >= 0,
    ]))
    return 3
""",
    "local/__init__.py": "VERSION = 1\n",
    "local/plain.py": "NAME = __name__\n",
    "local/single.py": "",
    "local/lazy.py": "NAME = __name__\n",
    "local/otherwise.py": "NAME = __name__\n",
    "local/types.py": "import types\nclass Shape(types.SimpleNamespace): pass\n",
    "local/pack/__init__.py": "from .sub import up as value\n",
    "local/pack/sub.py": "from .. import VERSION as up\n",
    "local/pack/deep/__init__.py": "",
    "local/pack/deep/leaf.py": "from ...plain import NAME\nname = 'leaf of ' + NAME\n",
    "local/pack/cycle_a.py": "from . import cycle_b\ndef both(): return cycle_b.back()\n",
    "local/pack/cycle_b.py": "from . import cycle_a\ndef back(): return cycle_a.__name__\n",
    "local/starred/__init__.py": "__all__ = ['first']\n",
    "local/starred/first.py": "NAME = __name__\n",
    "submission/__init__.py": "",
    "submission/archive.py": "NAME = __name__\n",
    # Not reachable:
    "local/unused.py": "import pandas\n",
    "local/only_for_types.py": "import pandas\n",
    "submission/push.py": "import kaggle\n",
}


def test_every_shape_of_import_runs_as_in_the_checkout(project, bundle, run, python):
    root = project(SHAPES)
    made = run(bundle(root).text, python)
    call = 'import local.kernel as k; k.main({"recipe": {"name": "mini", "rate": 0.5}}, 0.0)'
    checkout = subprocess.run(
        [python, "-B", "-c", call], cwd=root, capture_output=True, text=True, check=True
    )
    assert made.code == 3, made.err
    assert made.out == checkout.stdout != ""


def test_only_reachable_modules_are_carried(project, bundle):
    carried = {module.path for module in bundle(project(SHAPES)).modules}
    left = {"local/unused.py", "local/only_for_types.py", "submission/push.py"}
    assert carried == SHAPES.keys() - left


REFUSED = {
    "foreign": ({"local/a.py": "\nimport os, pandas\n"}, "local/a.py:2", "pandas"),
    "foreign, lazy": (
        {"local/a.py": "def f():\n    from sklearn.svm import SVC\n"},
        "local/a.py:2",
        "sklearn.svm",
    ),
    "foreign, optional": (
        {"local/a.py": "try:\n    import cv2\nexcept ImportError:\n    cv2 = None\n"},
        "local/a.py:2",
        "cv2",
    ),
    "tensorboard": (
        {"local/a.py": "from torch.utils.tensorboard import SummaryWriter\n"},
        "local/a.py:1",
        "TensorFlow",
    ),
    "tensorboard by name": (
        {"local/a.py": "from torch.utils import data, tensorboard\n"},
        "local/a.py:1",
        "torch.utils.tensorboard",
    ),
    "syntax": ({"local/a.py": "x = 1\ndef f(:\n"}, "local/a.py:2", "syntax error in local.a"),
    "return outside": ({"local/a.py": "\n\nreturn 1\n"}, "local/a.py:3", "syntax error"),
    "null byte": ({"local/a.py": "x = 1\0\n"}, "local/a.py:1", "local.a"),
    "not UTF-8": ({"local/a.py": b"x = '\xff'\n"}, "local/a.py:1", "local.a"),
    "another encoding": ({"local/a.py": "# coding: latin-1\n"}, "local/a.py:1", "UTF-8"),
    "missing module": ({"local/a.py": "import local.gone\n"}, "local/a.py:1", "local.gone"),
    "missing base": ({"local/a.py": "from local.gone import x\n"}, "local/a.py:1", "local.gone"),
    "missing in package": ({"local/a.py": "from local import gone\n"}, "local/a.py:1", "gone"),
    "leaves its package": ({"local/a.py": "from ... import x\n"}, "local/a.py:1", "local.a"),
    "no __init__": (
        {"local/a.py": "import local.bare.b\n", "local/bare/b.py": ""},
        "local/a.py:1",
        "local.bare",
    ),
    "hides the standard library": (
        {"local/a.py": "import random\n", "random.py": ""},
        "local/a.py:1",
        "random",
    ),
}


@pytest.mark.parametrize(("files", "place", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_on_kaggle_is_refused_by_name_and_line(project, files, place, word):
    root = project({"local/kernel.py": "def main(b, s):\n    from local import a\n", **files})
    with pytest.raises(BundleError) as caught:
        build_kernel.reachable(root, "local.kernel")
    line = str(caught.value)
    assert line.startswith(f"{place}: ")
    assert word in line
    assert "\n" not in line


def test_a_missing_entry_is_named(project):
    with pytest.raises(BundleError, match=r"local\.kernel"):
        build_kernel.reachable(project({}), "local.kernel")


def test_over_the_limit_names_the_largest_module(project, bundle):
    big = "# " + "x" * build_kernel.MAX_BYTES + "\n"
    root = project({"local/kernel.py": "import local.big\n", "local/big.py": big})
    with pytest.raises(BundleError, match=r"^local/big\.py:1: .* 1,000,000"):
        bundle(root)


def test_the_project_itself_can_be_bundled(bundle):
    made = bundle(build_kernel.ROOT)
    assert {"local/kernel.py", "submission/archive.py"} <= {m.path for m in made.modules}
    foreign = {
        found.name.partition(".")[0]
        for module in made.modules
        for found in build_kernel.imports(module)
    } - {"local", "submission"}
    assert foreign <= build_kernel.ALLOWED
    assert foreign - sys.stdlib_module_names >= {"torch"}
    compile(made.text, "kernel.py", "exec")
