"""Which kernel on Kaggle a command is about."""

import argparse
import re

from build_kernel import NO_OWNER
from local.errors import InputError
from local.project import ROOT
from submission.push_checks import BUILD_AGAIN, read_metadata


def add_kernel(to: argparse.ArgumentParser) -> None:
    """The argument KERNEL, which may be left out."""
    to.add_argument("kernel", nargs="?", metavar="KERNEL", help="owner/slug (default: of kernel/)")


def kernel_of(options: argparse.Namespace) -> str:
    """The kernel that is named, or else the one that kernel/ is for.

    Raises:
        InputError: neither is a kernel's name, or kernel/ does not say whose it is.
    """
    kernel = str(options.kernel or read_metadata(ROOT / "kernel").get("id", ""))
    if not re.fullmatch(r"[\w-]+/[\w-]+", kernel):
        raise InputError(f"{kernel!r} is no kernel: name it owner/slug, without a version")
    if kernel.partition("/")[0] == NO_OWNER:
        raise InputError(f"{kernel} names no owner: {BUILD_AGAIN} --owner USER")
    return kernel
