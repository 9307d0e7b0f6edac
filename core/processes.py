"""Whether a process that was heard of is still there."""

from datetime import datetime


def is_alive(pid: int, heard_at: datetime | None) -> bool:
    """Tell whether a process of this machine that was heard of at a time still runs; not another of its number."""
    import psutil  # for this alone

    try:
        process = psutil.Process(pid)
        began = process.create_time()
    except psutil.Error:
        return False
    return process.status() != psutil.STATUS_ZOMBIE and (heard_at is None or began <= heard_at.timestamp() + 1)
