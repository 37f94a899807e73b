"""Cuts a script off as Kaggle does, then becomes it.

Run as a file, never imported by what it runs: `python -I isolation.py ORDER`, where ORDER is JSON
with `run` (the script and its arguments), `read_only` (folders), `networks` (ways to try, in
order), `processors` (how many), `own_disk` (whether the current folder becomes a disk by itself)
and `report` (an open socket that gets a JSON object: what was reached, in words; with it goes the
open root of that disk). Linux's namespaces need no package, but before Python 3.12 only ctypes
reaches them.
"""

import ctypes
import errno
import fcntl
import json
import os
import runpy
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

NAMESPACE = "network namespace"
USER_NAMESPACE = "network namespace of a user namespace"
BLOCKED_SOCKETS = "blocked sockets"
NETWORKS = (NAMESPACE, USER_NAMESPACE, BLOCKED_SOCKETS)  # the best first

# From linux/sched.h, linux/mount.h, linux/prctl.h and linux/sockios.h.
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 1 << 5, 1 << 12, 1 << 14, 1 << 18
MS_LOCKED = 2 | 4 | 8  # nosuid, nodev, noexec: a user namespace must keep them
PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40

MOUNTED = "source and input mounted read-only"
DISK_BYTES = 256 * 2**20  # 10,000 pictures of noise have half of that

LOCAL_NAMES = (None, "", "localhost", "127.0.0.1", "::1")


def system_call(name: str, *arguments: Any) -> None:
    """Calls a function of the C library; raises OSError where it fails or is not there."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        raise OSError(errno.ENOSYS, f"{name} is not known to this system")
    if function(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def enter_namespaces(as_user: bool) -> None:
    """Leaves the machine's network and its table of mounts; only loopback is left, and is up.

    `as_user` first takes a namespace of users, in which anyone may do that, under the same ids.
    """
    user, group = os.getuid(), os.getgid()
    system_call("unshare", (CLONE_NEWUSER if as_user else 0) | CLONE_NEWNET | CLONE_NEWNS)
    if as_user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.pack("16sH22x", b"lo", IFF_UP | IFF_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, flags)


def mount(
    source: str | None, target: str, flags: int, kind: str | None = None, data: str | None = None
) -> None:
    """Calls mount(2)."""
    first, second, third, last = (
        text.encode() if text else None for text in (source, target, kind, data)
    )
    system_call("mount", first, second, third, ctypes.c_ulong(flags), last)


def mount_read_only(folders: list[str]) -> None:
    """Makes folders read-only for this process and its children, root included."""
    mount(None, "/", MS_REC | MS_PRIVATE)  # what follows is not seen outside
    for folder in folders:
        mount(folder, folder, MS_BIND | MS_REC)
        locked = os.statvfs(folder).f_flag & MS_LOCKED
        mount(None, folder, MS_BIND | MS_REMOUNT | MS_RDONLY | locked)


def mount_own_disk(folder: str) -> int:
    """Makes a folder a disk of its own, DISK_BYTES large; returns the disk's open root.

    The folder is only a part of the disk, `working`: what fills the disk can lie beside it. Through
    the open root both are reached from outside this namespace, and after its end.
    """
    mount("tmpfs", folder, 0, "tmpfs", f"size={DISK_BYTES}")
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    part = Path(folder, "working")
    part.mkdir()
    mount(str(part), folder, MS_BIND)
    os.chdir(folder)  # the current folder was still the one below the mount
    return root


def limit_processors(count: int) -> str:
    """Binds this process and its children to some processors; says to how many."""
    if not hasattr(os, "sched_setaffinity"):
        return "not limited: this system cannot bind a process to some of them"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    there = os.cpu_count()
    return f"{count}" if count == there else f"{count}; os.cpu_count() still says {there}"


def block_sockets() -> None:
    """Refuses internet sockets and look-ups in this interpreter; Unix sockets stay.

    The last resort: native code and child processes are not bound by it.
    """

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            refused = isinstance(arguments[1], tuple)
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            refused = arguments[0] not in LOCAL_NAMES
        else:
            return
        if refused:
            raise OSError(errno.ENETUNREACH, "the rehearsal has no network")

    sys.addaudithook(refuse)


def isolate(networks: list[str], read_only: list[str]) -> tuple[str, dict[str, str]]:
    """Takes the first way of leaving the network that works; returns it, and what it gave."""
    by_permissions = "read-only by permissions, which do not bind root"
    for way in networks:
        try:
            if way == BLOCKED_SOCKETS:
                block_sockets()
                network = "sockets blocked in the kernel's own process, not in its children"
                return way, {"network": network, "files": by_permissions}
            enter_namespaces(as_user=way == USER_NAMESPACE)
        except OSError:
            continue
        try:
            mount_read_only(read_only)
            files = MOUNTED
        except OSError as error:
            files = f"{by_permissions} ({error})"
        return way, {"network": f"none, in a {way}, loopback up", "files": files}
    raise OSError(f"this system permits none of: {', '.join(networks)}")


def prepare(order: dict[str, Any]) -> tuple[str, dict[str, str], list[int]]:
    """Isolates this process; returns how, in words too, and the open root of a disk if there is."""
    way, words = isolate(order["networks"], order["read_only"])
    words["processors"] = limit_processors(order["processors"])
    if sys.platform == "linux":
        # An abandoned rehearsal must not leave a kernel running for hours.
        system_call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    if not order["own_disk"]:
        return way, words, []
    if words["files"] != MOUNTED:  # it would be mounted for the whole machine
        raise OSError("no disk of its own for the working folder: this system permits no mounts")
    return way, words, [mount_own_disk(str(Path.cwd()))]


def main(order: dict[str, Any]) -> None:
    """Isolates this process, says how or why not, and runs the script in its place."""
    with socket.socket(fileno=order["report"]) as report:
        try:
            way, words, disks = prepare(order)
        except OSError as error:
            report.sendall(json.dumps({"refused": str(error)}).encode())
            sys.exit(1)
        socket.send_fds(report, [json.dumps(words).encode()], disks)
    if way == BLOCKED_SOCKETS:  # in this interpreter only: it must run the script itself
        sys.argv = order["run"]
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        os.execv(sys.executable, [sys.executable, "-I", "-u", *order["run"]])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
