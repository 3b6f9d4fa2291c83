"""The stack in the foreground: `python -m local.dev` (PORT, STATE_DIR and settings by environment).

Prints `ready <base URL>` when everything answers and writes STATE_DIR/stack.json just before.
Ctrl-C, SIGTERM and a closed terminal end everything that it started.
"""

from __future__ import annotations

import os
import sys
import threading

from local.errors import StackError
from local.interruption import Interruption
from local.logs import rotate
from local.settings import StackSettings
from local.stack import Stack
from local.state import write_json
from local.switch import Switch


def main() -> int:
    """Runs the stack until a signal comes; returns the exit status."""
    interruption = Interruption()
    try:
        settings = StackSettings.from_environment(os.environ)
        with Stack(settings, lambda step: print(f"starting {step} …", flush=True)) as stack:
            stack_json = settings.state_dir.resolve() / "stack.json"
            switch = Switch(stack, stack_json.parent)
            try:
                write_json(stack_json, stack.info)
                print(f"ready {stack.base_url}", flush=True)
                pause = threading.Event()
                while (failure := stack.failure()) is None:
                    for told in (switch.look(), *stack.losses()):
                        if told is not None:
                            print(told, file=sys.stderr, flush=True)
                    rotate(stack_json.parent / "logs")
                    pause.wait(0.5)
                raise StackError(failure)
            finally:
                interruption.ignore()
                switch.close()
                stack_json.unlink(missing_ok=True)
    except StackError as error:
        print(f"The stack does not run: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
