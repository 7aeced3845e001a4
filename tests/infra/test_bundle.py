"""The Lambda asset: complete, small, for Lambda's processor, and the same for the same sources."""

from __future__ import annotations

import ast
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra import bundle

# Is it a directory, and its permission bits: extension modules may be executable.
MODES = {(True, 0o755), (False, 0o644), (False, 0o755)}


@pytest.fixture(scope="module")
def asset() -> bundle.Bundle:
    return bundle.lambda_asset()


def test_the_asset_is_at_most_25_mb_zipped(asset: bundle.Bundle) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(asset.directory.rglob("*")):
            archive.write(path, path.relative_to(asset.directory))
    size = len(zipped.getvalue())
    print(f"Lambda asset: {size / 1e6:.1f} MB zipped")
    assert size <= 25_000_000


def test_extension_modules_are_built_and_named_for_arm64(asset: bundle.Bundle) -> None:
    modules = list(asset.directory.rglob("*.so"))
    assert modules
    for module in modules:
        elf = module.read_bytes()[:20]
        assert elf[:4] == b"\x7fELF"
        assert int.from_bytes(elf[18:20], "little") == 0xB7, f"{module.name} is not AArch64"
    wheels = {path.parent.name: path.read_text() for path in asset.directory.glob("*.dist-info/WHEEL")}
    assert any("aarch64" in text for name, text in wheels.items() if name.startswith("cryptography-"))
    assert all((asset.directory / name / "RECORD").exists() for name in wheels)


@pytest.fixture(scope="module")
def planning() -> bundle.Bundle:
    return bundle.planning_asset()


def test_the_planning_asset_is_within_lambdas_limit(planning: bundle.Bundle) -> None:
    """Source: AWS Lambda Developer Guide, "Lambda quotas": 250 MB, unzipped."""
    size = sum(path.stat().st_size for path in planning.directory.rglob("*") if path.is_file())
    assert size < 240 * 1024 * 1024
    assert (planning.directory / "lambdas" / "plan_drill.py").exists()


def test_every_imported_module_is_in_the_planning_asset(planning: bundle.Bundle) -> None:
    reached: set[str] = set()
    waiting = ["lambdas.plan_drill"]
    while waiting:
        module = waiting.pop()
        path = planning.directory / module.replace(".", "/")
        if module in reached or module.split(".")[0] not in ("tidemark", "lambdas"):
            continue
        reached.add(module)
        assert path.is_dir() or path.with_suffix(".py").exists(), module
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        waiting += _imports(source)
    assert "tidemark.index.query.lookup" in reached


def test_every_imported_module_is_in_the_asset(asset: bundle.Bundle) -> None:
    missing = {
        (path.relative_to(asset.directory).as_posix(), module)
        for package in ("lambdas", "tidemark")
        for path in (asset.directory / package).rglob("*.py")
        for module in _imports(path)
        if module.split(".")[0] in ("tidemark", "lambdas")
        and not (asset.directory / module.replace(".", "/")).with_suffix(".py").exists()
        and not (asset.directory / module.replace(".", "/")).is_dir()
    }
    # Only the CLI, workers and functions of the planning asset read indexes.
    unused = {f"tidemark/aws/{name}.py" for name in ("drill_plans", "recorded_repository", "s3_store")}
    assert {module for file, module in missing if file not in unused} == set()


def test_no_function_imports_what_lambdas_do_not_ship(asset: bundle.Bundle) -> None:
    reached: set[str] = set()
    waiting = [f"lambdas.{path.stem}" for path in (asset.directory / "lambdas").glob("*.py")]
    while waiting:
        module = waiting.pop()
        path = (asset.directory / module.replace(".", "/")).with_suffix(".py")
        if module in reached or not path.exists():
            continue
        reached.add(module)
        waiting += _imports(path)
    assert "tidemark.aws.records" in reached
    assert "tidemark.aws.s3_store" not in reached
    assert "lambdas.plan_drill" not in reached


def test_runtime_packages_and_unused_files_are_not_in_the_asset(asset: bundle.Bundle) -> None:
    names = {path.name for path in asset.directory.iterdir()}
    assert names.isdisjoint({"boto3", "botocore", "urllib3", "pyarrow", "pydantic", "bin"})
    assert not list(asset.directory.rglob("*.pyc"))
    assert not (asset.directory / "tidemark" / "cli").exists()


def test_the_asset_depends_only_on_its_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("tidemark", "lambdas", "worker_image"):
        shutil.copytree(bundle.SOURCES / package, tmp_path / package)
    before = bundle.lambda_asset(), bundle.worker_context()
    monkeypatch.setattr(bundle, "SOURCES", tmp_path)
    monkeypatch.setattr(bundle, "dependencies", lambda _: tmp_path / "lambdas")
    monkeypatch.setattr(bundle, "BUILD", tmp_path / "build")
    assert (bundle.lambda_asset().hash, bundle.worker_context().hash) == tuple(b.hash for b in before)
    with (tmp_path / "tidemark" / "tags.py").open("a") as changed:
        changed.write("# changed\n")
    assert bundle.lambda_asset().hash != before[0].hash
    (tmp_path / "tidemark" / "cli" / "new.py").write_text("")
    assert bundle.worker_context() == bundle.worker_context()


def test_host_compiled_files_do_not_change_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in a separate directory for the local cloud; Docker excludes it."""
    for package in ("tidemark", "worker_image"):
        shutil.copytree(bundle.SOURCES / package, tmp_path / package, ignore=shutil.ignore_patterns("*.so"))
    monkeypatch.setattr(bundle, "SOURCES", tmp_path)
    monkeypatch.setattr(bundle, "BUILD", tmp_path / "build")
    without = bundle.worker_context()
    core = Path("tidemark/crawl/_core.cpython-313-aarch64-linux-gnu.so")
    (tmp_path / core).write_bytes(b"compiled here")
    compiled = bundle.worker_context()
    assert compiled.hash == without.hash
    assert (compiled.directory / core).exists()
    assert not (without.directory / core).exists()
    assert (compiled.directory / ".dockerignore").read_text().splitlines() == ["**/*.so"]


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o000])
def test_assets_have_the_same_modes_under_every_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    """Source: AWS Lambda Developer Guide, "Troubleshoot deployment issues", permission denied."""
    monkeypatch.setattr(bundle, "BUILD", tmp_path / "build")
    monkeypatch.setattr(bundle, "dependencies", lambda _: bundle.SOURCES / "lambdas")
    before = os.umask(umask)
    try:
        made = [bundle.lambda_asset().directory, bundle.worker_context().directory]
    finally:
        os.umask(before)
    for directory in made:
        assert modes(directory) <= MODES


@pytest.mark.parametrize("umask", [0o077, 0o027])
def test_the_assembly_has_the_same_modes_under_every_umask(tmp_path: Path, umask: int) -> None:
    command = [sys.executable, "app.py", "--output", str(tmp_path / "cdk.out")]
    subprocess.run(command, cwd=bundle.SOURCES, check=True, umask=umask)
    assets = [path for path in (tmp_path / "cdk.out").glob("asset.*") if path.is_dir()]
    assert len(assets) == 2
    for asset in assets:
        assert modes(asset) <= MODES


def modes(directory: Path) -> set[tuple[bool, int]]:
    """Return whether it is a directory, and the permission bits, of a directory and all below it."""
    return {(path.is_dir(), path.stat().st_mode & 0o7777) for path in (directory, *directory.rglob("*"))}


def test_old_bundles_are_removed_but_not_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "BUILD", tmp_path)
    for number in range(bundle.KEPT + 3):
        made = bundle._built("kind", f"key{number}", lambda directory: (directory / "file").touch())
        os.utime(made, (number, number))
    left = {path.name for path in (tmp_path / "kind").iterdir()}
    assert len(left) == bundle.KEPT
    assert f"key{bundle.KEPT + 2}" in left


def test_requirements_keep_their_hashes_without_the_runtimes_packages() -> None:
    head = "# made by a tool\n"
    brought = "botocore==1 \\\n    --hash=sha256:aa\n    # via x\n"
    wanted = "wrapt==2 ; sys_platform == 'linux' \\\n    --hash=sha256:bb\n"
    assert bundle.wanted_requirements(head + brought + wanted) == wanted


def _imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in _run_at_import(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            found += [
                f"{node.module}.{alias.name}" for alias in node.names if _is_module(node.module, alias.name)
            ]
    return found


def _is_module(package: str, name: str) -> bool:
    return (bundle.SOURCES / package.replace(".", "/") / f"{name}.py").exists()


def _run_at_import(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that run, without those under TYPE_CHECKING."""
    kept = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    hidden = {
        inner
        for node in kept
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    return [node for node in kept if node not in hidden]
