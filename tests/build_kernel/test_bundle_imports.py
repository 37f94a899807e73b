"""What the bundler follows, and what it refuses."""

import subprocess
import sys

import pytest

import build_kernel
from build_kernel import BundleError

# One miniature project for each shape of import: its entry's `show()` is printed by the kernel, and
# by the checkout itself. A file whose name has `unused` in it must not be carried.
SHAPES = {
    "absolute": {
        "local/kernel.py": """
import local.single
import local.single as other
from local import VERSION, single
from local.single import NAME as name

def show():
    return [VERSION, local.single.NAME, other.NAME, single.NAME, name]
""",
        "local/__init__.py": "VERSION = 1\n",
        "local/single.py": "NAME = __name__\n",
        "local/unused.py": "import pandas\n",
    },
    "package": {
        "local/kernel.py": """
import local.pack.deep.leaf
from local import pack
from local.pack import deep, value
from submission import archive

def show():
    leaf = local.pack.deep.leaf
    return [pack.value, value, deep.__name__, leaf.NAME, leaf.__package__, archive.NAME]
""",
        "local/pack/__init__.py": "value = __name__\n",
        "local/pack/deep/__init__.py": "",
        "local/pack/deep/leaf.py": "NAME = __name__\n",
        "submission/__init__.py": "",
        "submission/archive.py": "NAME = __name__\n",
        "submission/unused.py": "import kaggle\n",
    },
    "relative": {
        "local/kernel.py": """
from . import VERSION, plain
from .pack import up
from .pack.deep.leaf import name, sibling

def show():
    return [VERSION, plain.NAME, up, name, sibling]
""",
        "local/__init__.py": "VERSION = 1\n",
        "local/plain.py": "NAME = __name__\n",
        "local/pack/__init__.py": "from .sub import up\n",
        "local/pack/sub.py": "from .. import VERSION as up\n",
        "local/pack/deep/__init__.py": "",
        "local/pack/deep/leaf.py": """
from ...plain import NAME
from ..sub import up as sibling
name = "leaf of " + NAME
""",
    },
    "circular": {
        "local/kernel.py": """
from local import first

def show():
    return [first.both(), first.second.back()]
""",
        "local/first.py": "from . import second\ndef both(): return second.back()\n",
        "local/second.py": "import local.first\ndef back(): return local.first.__name__\n",
    },
    "star": {
        "local/kernel.py": """
from local.names import *
from local.pack import *

def show():
    return [public, member.NAME, "_hidden" in globals(), "left_out" in globals()]
""",
        "local/names.py": "public = 1\n_hidden = 2\n",
        "local/pack/__init__.py": "__all__ = ['member']\nleft_out = 3\n",
        "local/pack/member.py": "NAME = __name__\n",
    },
    "lazy": {
        "local/kernel.py": """
import sys

class Holder:
    from local.held import NAME

def show():
    before = "local.later" in sys.modules
    try:
        from local import later
    except ImportError:
        later = None
    from .pack.deeper import NAME
    return [before, later.NAME, NAME, Holder.NAME]
""",
        "local/held.py": "NAME = __name__\n",
        "local/later.py": "NAME = __name__\n",
        "local/pack/__init__.py": "",
        "local/pack/deeper.py": "NAME = __name__\n",
    },
    "by a literal name": {
        "local/kernel.py": """
import importlib
from importlib import import_module

def show():
    names = [importlib.import_module("local.one").NAME, import_module("local.pack.two").NAME]
    return [*names, __import__("local.three").three.NAME, import_module("json").__name__]
""",
        "local/one.py": "NAME = __name__\n",
        "local/pack/__init__.py": "",
        "local/pack/two.py": "NAME = __name__\n",
        "local/three.py": "NAME = __name__\n",
    },
    "for type checkers only": {
        "local/kernel.py": """
import typing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas
    from local import unused
if typing.TYPE_CHECKING:
    import scipy
else:
    from local import otherwise
if not TYPE_CHECKING:
    from local import negated

def show():
    return [otherwise.NAME, negated.NAME]
""",
        "local/otherwise.py": "NAME = __name__\n",
        "local/negated.py": "NAME = __name__\n",
        "local/unused.py": "import pandas\n",
    },
    "name clash with the standard library": {
        "local/kernel.py": """
import json
import random
from local import json as ours
from . import types
from .random import NAME

def show():
    return [json.dumps(1), random.__name__, ours.NAME, types.Shape(side=64).side, NAME]
""",
        "local/json.py": "import json\nNAME = __name__ + json.__name__\n",
        "local/random.py": "from random import Random\nNAME = __name__ + Random.__module__\n",
        "local/types.py": "import types\nclass Shape(types.SimpleNamespace): pass\n",
    },
    "triple quotes and backslashes": {
        "local/kernel.py": r"""
from local.quotes import TEXTS
from local.raw import PATTERN

def show():
    return [*TEXTS, PATTERN]
""",
        "local/quotes.py": "\n".join(
            [
                '"""A docstring with \'\'\' in it."""',
                "TEXTS = ['''three \"\"\" double''', \"\"\"three ''' single\"\"\",",
                r"         '\\ \' \" \x41 \N{BULLET} \\n', r'\d\'', '''a\\",
                r"b''', '\\']  # ends in a backslash \\",
            ]
        ),
        "local/raw.py": "PATTERN = r'^\\s*(\\w+)\\\\$'  # ends in a quote '",
    },
    "non-ASCII": {
        "local/kernel.py": """
from local import größe
from local.größe import Größe, ΔX

def show():
    return [größe.__name__, Größe.__name__, ΔX, Größe.HUND]
""",
        "local/größe.py": "ΔX = '犬 \U0001f415 é \u2028'\n\nclass Größe:\n    HUND = '🐶'\n",
    },
}
SHOWS = """

def main(build, started):
    print(ascii(show()))
    return 3
"""


@pytest.mark.parametrize("files", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_of_import_runs_as_in_the_checkout(project, bundle, run, python, files):
    root = project({**files, "local/kernel.py": files["local/kernel.py"] + SHOWS})
    made = bundle(root)
    carried = {module.path for module in made.modules}
    assert carried == {"local/__init__.py"} | {name for name in files if "unused" not in name}
    ran = run(made.text, python)
    checkout = subprocess.run(
        [python, "-B", "-c", "import local.kernel; local.kernel.main({}, 0.0)"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.code == 3, ran.err
    assert ran.out == checkout.stdout != ""


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
    "by a literal name": (
        {"local/a.py": "import importlib\n\nx = importlib.import_module('local.gone')\n"},
        "local/a.py:3",
        "local.gone",
    ),
    "foreign, by a literal name": (
        {"local/a.py": "from importlib import import_module\nimport_module('pandas.io')\n"},
        "local/a.py:2",
        "pandas.io",
    ),
    "by a relative name": (
        {"local/a.py": "import importlib\nimportlib.import_module('.b', 'local')\n"},
        "local/a.py:2",
        "whole name",
    ),
    "data beside __file__": (
        {"local/a.py": "import json\nX = json.load(open(__file__ + '.json'))\n"},
        "local/a.py:2",
        "__file__",
    ),
    "data with_name, lazy": (
        {
            "local/a.py": "from pathlib import Path\n\ndef breeds():\n"
            "    return Path(__file__).with_name('breeds.json').read_text()\n",
            "local/breeds.json": "[]",
        },
        "local/a.py:4",
        "as a literal",
    ),
    "data by importlib.resources": (
        {"local/a.py": "from importlib import resources\nX = resources.files('local')\n"},
        "local/a.py:1",
        "importlib.resources",
    ),
    "data by importlib.resources, from": (
        {"local/a.py": "\nfrom importlib.resources import files\n"},
        "local/a.py:2",
        "as a literal",
    ),
    "data by pkgutil": (
        {"local/a.py": "import pkgutil\nX = pkgutil.get_data('local', 'x.json')\n"},
        "local/a.py:1",
        "pkgutil",
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


def test_a_package_that_asks_where_it_is_is_refused_too(project):
    root = project({"local/__init__.py": "HERE = __file__\n", "local/kernel.py": ""})
    with pytest.raises(BundleError, match=r"^local/__init__\.py:1: local uses __file__"):
        build_kernel.reachable(root, "local.kernel")


def test_a_file_named_for_type_checkers_or_by_others_is_no_data(project, bundle, run):
    """No false alarm: another module's `__file__`, and the word in a text."""
    source = """
import sys
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from importlib import resources
    HERE = __file__

def main(build, started):
    "Looks for no __file__."
    print(sys.modules["__main__"].__file__)
    return 0
"""
    ran = run(bundle(project({"local/kernel.py": source})).text)
    assert ran.out.strip() == str(ran.script), ran.err


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
