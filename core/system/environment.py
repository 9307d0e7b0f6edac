"""Describe a run's environment: versions, code and hardware, without the names of hosts or users."""

import ctypes
import gc
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

PACKAGES = ("adapter-bench", "torch", "transformers", "peft", "datasets", "scikit-learn", "numpy")
_ROOT = Path(__file__).resolve().parents[2]


def describe_environment() -> dict[str, Any]:
    """Return the git commit, whether the working tree is dirty, versions, hardware and number of threads."""
    return {
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "core", "runner.py")),
        "packages": package_versions(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "threads": _threads(),
        "memory_bytes": memory_limit_bytes(),
        "dtype": "float32",
    }


def _threads() -> int:
    """Return the number of OpenMP threads of the first level; the default is one per core."""
    setting = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(setting) if re.fullmatch(r"[1-9]\d{0,4}", setting) else os.cpu_count() or 1


def processor_name() -> str:
    """Return the GPU with its CUDA version, else the CPU with the instruction set that torch uses.

    Results differ between processors by rounding errors, because they sum in another order.
    """
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    models = [line.partition(":")[2].strip() for line in _read_lines("/proc/cpuinfo") if line.startswith("model name")]
    return (
        f"{next(iter(models), platform.processor() or platform.machine())}, {torch.backends.cpu.get_cpu_capability()}"
    )


def memory_limit_bytes() -> int:
    """Return the available memory in bytes: the GPU's, else the machine's or container's."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    limits = [int(line) for line in _read_lines("/sys/fs/cgroup/memory.max") if line.isdigit()]
    return min([int(psutil.virtual_memory().total), *limits])


def _read_lines(path: str) -> list[str]:
    """Return the lines of a system file; none if it does not exist."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


@lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a result depends on."""
    return {name: version(name) for name in PACKAGES}


def installed_versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Return the installed version of each package; None if it is missing."""
    versions: dict[str, str | None] = {}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


def _git(*arguments: str) -> str | None:
    """Return the output of git; None outside a checkout or without git."""
    try:
        result = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def release_memory() -> None:
    """Return freed memory to the operating system; glibc would keep much of it."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries lack it
        if trim is not None:
            trim(0)


class PeakMemory:
    """Measure the peak memory of this process in bytes, within a ``with`` block.

    On a GPU it is the device's peak, else the resident size, sampled four times a second. Memory that an earlier run
    has freed is excluded.
    """

    def __enter__(self) -> Self:
        import psutil
        import torch

        release_memory()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._process = psutil.Process()
        self._bytes: int = self._process.memory_info().rss
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="peak-memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            self._bytes = max(self._bytes, self._process.memory_info().rss)

    @property
    def bytes(self) -> int:
        """The peak memory so far, in bytes."""
        import torch

        if torch.cuda.is_available():
            return int(torch.cuda.max_memory_allocated())
        return max(self._bytes, int(self._process.memory_info().rss))
