"""Takes away from a Python what Windows does not have. A test puts a copy of this on the path as sitecustomize.py, so
that every process a command starts is poorer too.
"""

import contextlib
import os
import signal
import subprocess
import sys

MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "readline", "_curses")
OF_OS = (
    "fork", "forkpty", "setsid", "setuid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
    "getgroups", "setgroups", "killpg", "getpgid", "setpgid", "chown", "fchown", "lchown", "mkfifo", "nice",
    "sched_getaffinity", "sched_setaffinity", "O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK",
    "O_PATH", "wait3", "wait4", "getloadavg",
)  # fmt: skip
OF_SIGNAL = ("SIGKILL", "SIGALRM", "SIGXCPU", "SIGCHLD", "SIGPIPE", "SIGSTOP", "SIGUSR1", "alarm", "setitimer")


def _no_link(*args, **kwargs):
    raise OSError(1314, "A required privilege is not held by the client")


for name in MODULES:
    sys.modules[name] = None  # importing it is a ModuleNotFoundError
for module, names in ((os, OF_OS), (signal, OF_SIGNAL)):
    for name in names:
        with contextlib.suppress(AttributeError):
            delattr(module, name)
os.symlink = os.link = _no_link
subprocess.Popen.kill = subprocess.Popen.terminate  # as it is there
