"""Check whether a process is still alive."""

from datetime import datetime


def is_alive(pid: float, seen_at: datetime) -> bool:
    """Return whether the process that had this id at ``seen_at`` is still alive.

    A later process with the same id does not count. A suspended process (Ctrl-Z) is alive: it may continue at any time.
    """
    import psutil  # imported on demand: only this check needs it

    try:
        process = psutil.Process(int(pid))
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return not is_zombie and process.create_time() <= seen_at.timestamp() + 1
    except psutil.AccessDenied:  # it is alive and belongs to another user
        return True
    except (psutil.Error, ValueError):
        return False
