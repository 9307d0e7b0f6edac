import signal

import pytest

from cli.signals import StopSignals

NAMES = ["SIGINT", "SIGTERM", "SIGHUP"]


@pytest.fixture(autouse=True)
def restore_handlers():
    handlers = {name: signal.getsignal(getattr(signal, name)) for name in NAMES}
    yield
    for name, handler in handlers.items():
        signal.signal(getattr(signal, name), handler)


def send(name: str) -> None:
    signal.raise_signal(getattr(signal, name))


@pytest.mark.parametrize("name", NAMES)
def test_the_first_signal_requests_a_stop_after_the_step(name, capsys):
    with StopSignals() as signals:
        signals.can_stop_after_step = True
        send(name)
        assert signals.requested
    assert "Ctrl-C" in capsys.readouterr().err


def test_a_signal_interrupts_where_a_stop_after_the_step_is_not_possible():
    with StopSignals() as signals, pytest.raises(KeyboardInterrupt):
        send("SIGINT")
    assert signals.requested


def test_the_second_signal_interrupts():
    with StopSignals() as signals:
        signals.can_stop_after_step = True
        send("SIGINT")
        with pytest.raises(KeyboardInterrupt):
            send("SIGTERM")


def test_a_terminal_that_hangs_up_twice_requests_one_stop():
    with StopSignals() as signals:
        signals.can_stop_after_step = True
        send("SIGHUP")
        send("SIGHUP")
        assert signals.requested


@pytest.mark.parametrize("name", NAMES)
def test_an_ignored_signal_stays_ignored(name):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
    with StopSignals() as signals:
        send(name)
        assert not signals.requested
    assert signal.getsignal(getattr(signal, name)) is signal.SIG_IGN


def test_the_previous_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT)
    with StopSignals():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
