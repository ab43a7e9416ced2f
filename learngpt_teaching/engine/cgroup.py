"""A cgroup for one kernel and all that it starts, where the system lets us make one.

It alone counts memory that belongs to no process, such as what waits in sockets. Where there is none to be had, the
limits on processes and open files have to do: 48 processes with 128 files each can hold about 1.3 GB in sockets.
"""

import contextlib
import itertools
import os
from dataclasses import dataclass
from pathlib import Path

_numbers = itertools.count(1)


@dataclass
class Cgroup:
    """The folders of a cgroup: one in version 2, one for each controller in version 1."""

    folders: list[Path]

    @classmethod
    def around(cls, pid: int, limits: dict[str, int]) -> "Cgroup | None":
        """Put a process into a new cgroup with limits on memory and processes; None where that can't be."""
        made: list[Path] = []
        try:
            for parent, settings in _places(limits):
                folder = parent / f"learngpt-{os.getpid()}-{next(_numbers)}"
                folder.mkdir()
                made.append(folder)
                for name, value in settings.items():
                    (folder / name).write_text(str(value))
                (folder / "cgroup.procs").write_text(str(pid))
        except OSError:
            cls(made).remove()
            return None
        return cls(made) if made else None

    @property
    def memory_ran_out(self) -> bool:
        """Whether the system ended a process in it because it took more memory than it may."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    events = dict(line.split() for line in (folder / name).read_text().splitlines())
                    if int(events.get("oom_kill", 0)):
                        return True
        return False

    def remove(self) -> None:
        """Take it away; what is still in it ends first."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _places(limits: dict[str, int]) -> list[tuple[Path, dict[str, int]]]:
    """Where cgroups can be made, and what is to be written into them."""
    root, most = Path("/sys/fs/cgroup"), {"memory.max": limits["memory"], "pids.max": limits["nproc"]}
    with contextlib.suppress(OSError):
        own = root / Path("/proc/self/cgroup").read_text().split("::", 1)[1].split("\n")[0].strip("/")
        for parent in (own, own.parent):
            if {"memory", "pids"} <= set((parent / "cgroup.subtree_control").read_text().split()):
                return [(parent, most)]
    first = {"memory": {"memory.limit_in_bytes": limits["memory"]}, "pids": {"pids.max": limits["nproc"]}}
    return [(root / name, settings) for name, settings in first.items() if (root / name / "cgroup.procs").is_file()]
