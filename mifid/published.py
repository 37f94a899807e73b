"""What the organisers published: which network and how many pictures; and where
this package looks for the network's file.
"""

import os
from pathlib import Path

GRAPH_NAME = "classify_image_graph_def.pb"
GRAPH_ID = "f34cb9b774a4547b5e214ef4202e5775a9c0f436"  # as ``git hash-object`` prints it

ARCHIVE_URL = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
ARCHIVE_ID = "c0b8db7a2feaf3e26970e968c9bb7452b53e7f32"

SCORE = "Kaggle's public score"  # what a score may be called where all is as the organisers had it
SIZE = 64  # pixels, both sides
SUBMISSION_IMAGES = 10_000
REAL_IMAGES = 20_579  # the competition's; the original Stanford Dogs has one more


def cache_folder() -> Path:
    """Return this package's folder for what is fetched or computed once."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mifid"


def cached_graph() -> Path:
    """Return where ``python -m mifid fetch`` puts the graph, whether it is there or not."""
    return cache_folder() / GRAPH_NAME
