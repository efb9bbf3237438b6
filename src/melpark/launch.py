"""Becomes the program of its arguments: `launch.py PARENT USER PROGRAM ...`, with `-` for our own user.

Before that it asks Linux to end it with its parent, and changes the user. A process of its own, and not a hook
between fork and exec, because the parent runs gRPC, whose threads do not survive a fork.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1
# In front of user and program: a child that ends with this process, also when that is killed.
LAUNCHER = (sys.executable, "-I", "-S", __file__, str(os.getpid()))


def main() -> None:
    parent, user, program, *arguments = sys.argv[1:]
    if user != "-":
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    # After the change of user, which would clear it.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Linux says nothing of a parent that ended before it was asked.
    if os.getppid() != int(parent):
        sys.exit("the parent has ended meanwhile")
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main()
