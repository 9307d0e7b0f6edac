"""Whether a process that was heard of is still there."""

from datetime import datetime


def is_alive(pid: float, heard_at: datetime) -> bool:
    """Tell whether a process of this machine that was heard of at a time is there; not another of its number.

    One that is stopped (Ctrl-Z) is there: it may go on at any time.
    """
    import psutil  # for this alone

    try:
        process = psutil.Process(int(pid))
        ended = process.status() == psutil.STATUS_ZOMBIE
        return not ended and process.create_time() <= heard_at.timestamp() + 1
    except psutil.AccessDenied:  # it is there, and somebody else's
        return True
    except (psutil.Error, ValueError):
        return False
