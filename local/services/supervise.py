"""The program `python -m local.services.supervise … -- command`.

It runs one command as long as its parent lives.

The parent holds the other end of standard input. That end closes when the parent closes it or
dies. The command is then asked to end. It is killed with its process group if it takes too long.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the command given on the command line, and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.services.supervise")
    parser.add_argument("--user", help="the system user to run as (needs root)")
    parser.add_argument("--stop-signal", default="SIGTERM", help="what asks the command to end")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds before it is killed")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    stop_signal = signal.Signals[arguments.stop_signal]

    child = subprocess.Popen(
        arguments.command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        user=arguments.user,
        group=arguments.user,
        extra_groups=None if arguments.user is None else [],
        # preexec_fn is safe here because there are no threads yet.
        preexec_fn=lambda: _die_with_parent(stop_signal),  # noqa: PLW1509
    )
    stopping = threading.Event()

    def stop() -> None:
        stopping.set()
        child.send_signal(stop_signal)
        try:
            child.wait(arguments.grace)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)

    def stop_when_parent_goes() -> None:
        while os.read(0, 4096):
            pass
        stop()

    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop).start())
    threading.Thread(target=stop_when_parent_goes, daemon=True).start()
    status = child.wait()
    return 0 if stopping.is_set() else abs(status)


def _die_with_parent(number: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


if __name__ == "__main__":
    sys.exit(main())
