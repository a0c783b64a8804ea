"""Free ports, and who has a port that is taken."""

import pathlib
import socket


def free_port():
    """A TCP port on loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_taken(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def owner(port):
    """Who listens on a TCP port, e.g. `mosquitto (pid 412)`; empty if that cannot be known."""
    listening = "0A"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if int(columns[1].split(":")[1], 16) == port and columns[3] == listening:
                inodes.add(f"socket:[{columns[9]}]")
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if any(str(fd.readlink()) in inodes for fd in process.joinpath("fd").iterdir()):
                return f"{process.joinpath('comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue
    return ""
