"""The CDK entry point: `cdk synth`, or `python app.py --output DIR` without the `cdk` command.

Reads tidemark.yaml, or the file named by `-c config=FILE`, `--config FILE` or TIDEMARK_CONFIG. Makes no AWS
calls.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra import node

node.use_for_jsii()  # before aws_cdk is imported, which starts Node

from infra.file_modes import make_readable  # noqa: E402  (see above)
from infra.synthesis import application, compose, configuration_of  # noqa: E402  (see above)
from tidemark.errors import TidemarkError  # noqa: E402
from tidemark.settings import SynthSettings  # noqa: E402


def main(words: Sequence[str] | None = None) -> int:
    """Synthesize; return 0, or the exit code of the error that was printed.

    The arguments are `words`, or those of the process.
    """
    parser = argparse.ArgumentParser(description="Synthesize Tidemark's cloud assembly.")
    parser.add_argument("--output", type=Path, help="output directory of the assembly (default: cdk.out)")
    parser.add_argument("--config", help="path of tidemark.yaml")
    arguments = parser.parse_args(words)
    try:
        app = application(outdir=arguments.output)
        compose(app, configuration_of(app, arguments.config or SynthSettings.from_environment().config))
        app.synth()
        # The CDK has copied the assets with this machine's umask.
        for asset in Path(app.outdir).glob("asset.*/"):
            make_readable(asset)
    except TidemarkError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
