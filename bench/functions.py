"""The size of the functions' asset and the time of their imports: `python -m bench.functions`.

Each function is imported under `-X importtime` as in Lambda's runtime: from the unpacked asset, with the
runtime's SDK on the path, and with the variables by which the X-Ray SDK detects Lambda; without them it
creates a client for sampling rules, which does not happen in functions. Byte code is cached.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from infra.bundle import lambda_asset
from localcloud.functions.runtime import Code

TARGET_MS = 400
TARGET_MB = 25


def main() -> None:
    """Print minimum, median and maximum of each function's import time, slowest last."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=11)
    runs = arguments.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch:
        overlay, asset, runtime = Code(Path(scratch)).import_path("asset", _zipped(lambda_asset().directory))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{overlay}:{asset}:{runtime}",
            "LAMBDA_TASK_ROOT": str(asset),
            "AWS_LAMBDA_FUNCTION_NAME": "bench",
        }
        handlers = sorted(
            path.stem
            for path in (asset / "lambdas").glob("*.py")
            if "\n@lambda_handler\n" in path.read_text()
        )
        took = {name: _milliseconds(f"lambdas.{name}", runs, environment) for name in handlers}
    print(f"import time of each function in ms (runs: {runs}): minimum, median, maximum")
    for name, times in sorted(took.items(), key=lambda item: statistics.median(item[1])):
        print(f"  {name:20} {min(times):6.0f} {statistics.median(times):6.0f} {max(times):6.0f}")
    print(f"target for the slowest: {TARGET_MS}")


def _milliseconds(module: str, runs: int, environment: dict[str, str]) -> list[float]:
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    times = []
    for _ in range(runs + 1):  # the first fills the cache of byte code
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        total = re.fullmatch(
            r"import time:\s+\d+ \|\s+(\d+) \| +" + re.escape(module), result.stderr.splitlines()[-1]
        )
        if total is None:
            raise SystemExit(f"{module}: no time in {result.stderr.splitlines()[-1]!r}")
        times.append(int(total[1]) / 1000)
    return times[1:]


def _zipped(directory: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            archive.write(path, path.relative_to(directory))
    print(f"asset: {len(buffer.getvalue()) / 1e6:.1f} MB zipped; target {TARGET_MB}")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
