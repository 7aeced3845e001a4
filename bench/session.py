"""Time and memory of the main job on this machine: `python -m bench.session [DIR]`, and of `cdk synth`.

Memory is the sum of all processes' proportional set sizes (Linux), sampled ten times a second: pages that
several processes share are counted once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

TIDEMARK = Path(sys.executable).with_name("tidemark")
_LOOK_SECONDS = 0.1


def main() -> None:
    """Print time and memory of `cdk synth` and `tidemark demo`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("directory", nargs="?", help="DIR of the demo (default: the demo's own)")
    directory = arguments.parse_args().directory
    with tempfile.TemporaryDirectory() as output:
        synth = [sys.executable, "-m", "infra.node", "npx", "cdk", "synth", "--quiet", "--output", output]
        _report("cdk synth", synth, "<= 20 s")
    target = "<= 120 s" if directory else "<= 60 s"
    # With a directory, run only the session itself, as for JSON output.
    demo = [TIDEMARK, "demo", *(["--json", directory] if directory else [])]
    _report("tidemark demo", demo, f"{target}, <= 700 MB")


def _report(name: str, command: Sequence[str | Path], target: str) -> None:
    started, most = time.monotonic(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, _megabytes(process.pid))
            time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")
    print(f"{name:16} {time.monotonic() - started:6.1f} s  peak {most:5.0f} MB   (target {target})")


def _megabytes(top: int) -> float:
    """Return the proportional set size of a process and all its descendants."""
    total, waiting = 0, [top]
    while waiting:
        process = Path(f"/proc/{waiting.pop()}")
        try:
            for line in (process / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
            for children in process.glob("task/*/children"):
                waiting += map(int, children.read_text().split())
        except (OSError, ProcessLookupError):
            continue  # the process has ended meanwhile
    return total / 1024


if __name__ == "__main__":
    main()
