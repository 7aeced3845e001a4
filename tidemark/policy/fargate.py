"""The valid sizes of a Fargate task.

Source: Amazon ECS Developer Guide, "Fargate task definition differences", Linux.
"""

from __future__ import annotations

# CPU units (1024 are one vCPU) -> MiB of memory
SIZES: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}


def check_cpu(vcpus: float) -> None:
    """Raise ValueError, listing the valid values, unless Fargate offers tasks with this many vCPUs."""
    if vcpus * 1024 not in SIZES:
        offered = ", ".join(f"{units / 1024:g}" for units in SIZES)
        raise ValueError(f"Fargate has no task with {vcpus:g} vCPU; choose one of {offered}")


def check_size(cpu_units: int, memory_mib: int) -> None:
    """Raise ValueError, with the valid range, unless Fargate offers this size."""
    check_cpu(cpu_units / 1024)
    fitting = SIZES[cpu_units]
    if memory_mib not in fitting:
        step = f" in steps of {_size(fitting[1] - fitting[0])}" if cpu_units > 256 else ""
        raise ValueError(
            f"Fargate has no task with {cpu_units / 1024:g} vCPU and {_size(memory_mib)}; "
            f"with that cpu, memory is {_size(fitting[0])} to {_size(fitting[-1])}{step}"
        )


def _size(mib: int) -> str:
    return f"{mib} MB" if mib % 1024 else f"{mib // 1024} GB"
