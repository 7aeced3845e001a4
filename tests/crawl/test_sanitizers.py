"""The C core under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.crawl.trees import found_by_find


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_sanitizers_find_no_error_in_the_core(sanitizer, pitfalls, tmp_path):
    program = tmp_path / "sanitized"
    source = Path(__file__).with_name("sanitized.c")
    options = ["-std=gnu11", "-g", "-O1", "-pthread", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
    subprocess.run(["cc", *options, "-o", program, source], check=True, timeout=120)

    run = subprocess.run([program, pitfalls], capture_output=True, text=True, timeout=120, check=False)

    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert run.stdout.split() == [str(len(found_by_find(pitfalls)))] * 4
