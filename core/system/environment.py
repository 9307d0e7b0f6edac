"""Under what a run took place: versions, code, machine; never names of hosts or people."""

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
    """Return git commit and whether the tree is dirty, package versions, Python, system and threads."""
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
    """Return how many threads OpenMP is told to use, on the first of its levels; else one a core."""
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(told) if re.fullmatch(r"[1-9]\d{0,4}", told) else os.cpu_count() or 1


def processor_name() -> str:
    """Return what computes: the GPU with its CUDA, else the CPU with the instructions that torch uses on it.

    On another one the same sums are added up in another order, and results differ in their last digits.
    """
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    named = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return f"{next(iter(named), platform.processor() or platform.machine())}, {torch.backends.cpu.get_cpu_capability()}"


def memory_limit_bytes() -> int:
    """Return how many bytes a run can hold at most: the GPU's memory, else the machine's or container's."""
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    limits = [int(line) for line in _lines("/sys/fs/cgroup/memory.max") if line.isdigit()]
    return min([int(psutil.virtual_memory().total), *limits])


def _lines(path: str) -> list[str]:
    """Return the lines of a file of the system's; none where the system has no such file."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


@lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a result depends on."""
    return {name: version(name) for name in PACKAGES}


def installed_versions(packages: Sequence[str]) -> dict[str, str | None]:
    """Return the installed version of each package; None where it is missing."""
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _git(*arguments: str) -> str | None:
    """Return git's answer; None outside a checkout or without git."""
    try:
        answer = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def release_memory() -> None:
    """Hand memory that is no longer used back to the system: glibc keeps much of it for later."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries lack it
        if trim is not None:
            trim(0)


class PeakMemory:
    """Measures, within a ``with``, the most memory that this process held at once, in bytes.

    On a GPU the device's own peak; else the resident size, looked at four times a second. What an
    earlier run has freed does not count.
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
        """The peak so far."""
        import torch

        if torch.cuda.is_available():
            return int(torch.cuda.max_memory_allocated())
        return max(self._bytes, int(self._process.memory_info().rss))
