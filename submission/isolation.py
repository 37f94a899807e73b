"""Cuts a script off as Kaggle does, then becomes it.

Run as a file, never imported by what it runs: `python -I isolation.py ORDER`, where ORDER is JSON
with `script`, `read_only` (folders), `networks` (ways to try, in order) and `report` (an open file
descriptor that gets a JSON object: what was reached, in words). Linux's namespaces need no package,
but before Python 3.12 only ctypes reaches them.
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


def mount_read_only(folders: list[str]) -> None:
    """Makes folders read-only for this process and its children, root included."""

    def mount(source: str | None, target: str, flags: int) -> None:
        paths = [path.encode() if path else None for path in (source, target)]
        system_call("mount", *paths, None, ctypes.c_ulong(flags), None)

    mount(None, "/", MS_REC | MS_PRIVATE)  # what follows is not seen outside
    for folder in folders:
        mount(folder, folder, MS_BIND | MS_REC)
        locked = os.statvfs(folder).f_flag & MS_LOCKED
        mount(None, folder, MS_BIND | MS_REMOUNT | MS_RDONLY | locked)


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
            files = "source and input mounted read-only"
        except OSError as error:
            files = f"{by_permissions} ({error})"
        return way, {"network": f"none, in a {way}, loopback up", "files": files}
    raise OSError(f"this system permits none of: {', '.join(networks)}")


def main(order: dict[str, Any]) -> None:
    """Isolates this process, says how, and runs the script in its place."""
    way, words = isolate(order["networks"], order["read_only"])
    if sys.platform == "linux":
        # An abandoned rehearsal must not leave a kernel running for hours.
        system_call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    os.write(order["report"], json.dumps(words).encode())
    os.close(order["report"])
    if way == BLOCKED_SOCKETS:  # in this interpreter only: it must run the script itself
        sys.argv = [order["script"]]
        runpy.run_path(order["script"], run_name="__main__")
    else:
        os.execv(sys.executable, [sys.executable, "-I", "-u", order["script"]])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
