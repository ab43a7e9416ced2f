"""Settings of how students' code is run, for nbgrader_config.py and for the command line."""

import os

from traitlets import Bool, Dict, Integer
from traitlets.config import LoggingConfigurable

from learngpt_teaching.engine.sandbox import LIMITS


class StudentCode(LoggingConfigurable):
    """How students' code is run."""

    contain = Bool(True, help="Run it inside bubblewrap. Without, it has your rights on this machine.").tag(config=True)
    workers = Integer(0, help="How many notebooks at once; 0 is one more than there are processors.").tag(config=True)
    limits = Dict(
        help="Other limits than these: " + ", ".join(f"{name} {value}" for name, value in LIMITS.items())
    ).tag(config=True)

    seed = Integer(None, allow_none=True, help="Repeat the exam that has this seed, and keep no result.").tag(
        config=True
    )

    @property
    def all_limits(self) -> dict[str, int]:
        """LIMITS, with those that are set otherwise."""
        return LIMITS | self.limits

    @property
    def at_once(self) -> int:
        """How many notebooks are graded at the same time: one of them waits for its kernel's start or end."""
        return self.workers or (os.cpu_count() or 1) + 1
