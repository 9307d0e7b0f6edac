"""Check whether a process is still alive."""

from datetime import datetime


def is_alive(pid: float, seen_at: datetime) -> bool:
    """Return whether a process that was seen at a time is alive; a new process with its id does not count.

    A stopped process (Ctrl-Z) is alive: it may continue at any time.
    """
    import psutil  # only needed here

    try:
        process = psutil.Process(int(pid))
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return not is_zombie and process.create_time() <= seen_at.timestamp() + 1
    except psutil.AccessDenied:  # alive, of another user
        return True
    except (psutil.Error, ValueError):
        return False
