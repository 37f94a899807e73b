"""Downloads the published graph, or takes it from a file, and makes sure that it is the one."""

import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from tqdm import tqdm

from mifid import published
from mifid.errors import InputError, WorkError
from mifid.graph import git_blob_id

MAX_BYTES = 200 * 2**20  # the archive and the graph have under 100 MB each
TIMEOUT_SECONDS = 30  # without a byte
CHUNK = 2**20


def fetch(
    target: Path,
    *,
    url: str = published.ARCHIVE_URL,
    source: Path | None = None,
    archive_id: str = published.ARCHIVE_ID,
    graph_id: str = published.GRAPH_ID,
) -> bool:
    """Put the published graph at ``target``; return False if it is there already.

    url: where the archive is. source: a file in its place, either the archive or the graph itself.
    archive_id, graph_id: git's blob ids that these must have.

    ``target`` appears whole and verified, or not at all. Raises InputError for a wrong ``source``
    or ``url``, WorkError when the download fails or brings something else.
    """
    if target.is_file() and git_blob_id(target) == graph_id:
        return False
    if source and not source.is_file():
        raise InputError(f"{source}: no such file; give {published.GRAPH_NAME} or its archive")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that the last step is a rename within one file system.
        with TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
            found = source or _download(url, Path(folder) / "archive.tgz", target)
            if git_blob_id(found) not in (archive_id, graph_id):
                kind = InputError if source else WorkError
                raise kind(
                    f"{source or url}: has git id {git_blob_id(found)[:12]}, so is neither the"
                    f" published archive ({archive_id[:12]}) nor its graph ({graph_id[:12]});"
                    " get it elsewhere"
                )
            graph = Path(folder) / published.GRAPH_NAME
            if git_blob_id(found) == archive_id:
                _unpack(found, graph)
            else:
                shutil.copyfile(found, graph)
            if git_blob_id(graph) != graph_id:
                raise WorkError(f"{found}: holds another {published.GRAPH_NAME}; get it elsewhere")
            graph.replace(target)
    except OSError as error:
        raise WorkError(
            f"{target}: cannot be put in place ({error}); make room or access"
        ) from error
    return True


def _download(url: str, archive: Path, target: Path) -> Path:
    if not url.startswith(("http://", "https://")):
        raise InputError(f"--url {url}: no http address; for a file use --from FILE")
    try:
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as reply,
            archive.open("wb") as file,
        ):
            _copy(reply, file, int(reply.headers.get("Content-Length") or 0))
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise WorkError(
            f"{url}: cannot be downloaded ({getattr(error, 'reason', error)}); get"
            f" {published.ARCHIVE_URL} by hand, then: python -m mifid fetch --from FILE (or unpack"
            f" {published.GRAPH_NAME} from it to {target}, or give its place as --graph)"
        ) from error
    return archive


def _copy(reply: IO[bytes], file: IO[bytes], total: int) -> None:
    with tqdm(total=total or None, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        received = 0
        while chunk := reply.read(CHUNK):
            received += len(chunk)
            if received > MAX_BYTES:
                raise WorkError("the download is far larger than the published archive; see --url")
            file.write(chunk)
            bar.update(len(chunk))


def _unpack(archive: Path, graph: Path) -> None:
    """Copy the graph, and nothing else, out of the archive."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if Path(member.name).name == published.GRAPH_NAME and member.size <= MAX_BYTES:
                    inner = tar.extractfile(member)
                    if inner:
                        with inner, graph.open("wb") as file:
                            shutil.copyfileobj(inner, file, CHUNK)
                        return
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise WorkError(f"{archive.name}: cannot be unpacked ({error}); fetch it again") from error
    raise WorkError(f"{archive.name}: holds no {published.GRAPH_NAME}; fetch it again")
