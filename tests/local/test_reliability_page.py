"""The page that names a proof for each promise: the proofs are there."""

import re

from helpers import ROOT


def test_every_proof_that_the_page_names_is_there():
    page = (ROOT / "docs" / "reliability.md").read_text()
    file, found = "", 0
    for path, name in re.findall(
        r"`((?:local|submission|build_kernel)/[\w/]*test_\w+\.py)?(?:::(\w+))?`", page
    ):
        file = path or file
        if file:
            assert f"def {name}" in (ROOT / "tests" / file).read_text(), f"{file}::{name}"
            found += bool(name)
    assert found > 30
