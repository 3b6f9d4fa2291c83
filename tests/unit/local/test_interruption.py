from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

STATUS = 130
# The text stands for that of a module which makes a dataclass while the demo imports it.
PROGRAM = f"""
import sys
from local.interruption import Interruption

Interruption({STATUS})
try:
    exec("import os, signal; os.kill(os.getpid(), signal.%(sent)s)\\nfor i in range(9): pass")
except SystemExit:
    import os, signal
    os.kill(os.getpid(), signal.%(sent)s)
    print("ended in order")
    sys.exit({STATUS})
"""


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_in_a_text_that_is_run_ends_a_module_with_its_status(
    sent: str, tmp_path: Path
) -> None:
    (tmp_path / "interrupted.py").write_text(PROGRAM % {"sent": sent}, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, "ended in order\n", "")
