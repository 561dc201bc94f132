"""Reads the items of an iterable ahead, in a thread of its own.

The thread opens, reads and closes the iterator, all of it, since files and connections
may belong to the thread that opened them.  The thread stops when its consumer stops,
however that happens.
"""

from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread

from sklearn import config_context, get_config

# Seconds between two polls: waiting for a lock may block signals.
_POLL_INTERVAL = 0.05
# Maximum number of seconds to wait for a read in progress at the end.
_JOIN_TIMEOUT = 0.1


def prefetch(iterable, n_items):
    """Yield the items of an iterable, of which up to ``n_items`` are read ahead.

    Exceptions of the iterator are raised here.  If this generator ends first, the
    iterator is closed.

    Parameters
    ----------
    iterable : iterable
    n_items : int
        0 reads in the caller's thread.
    """
    if n_items == 0:
        yield from iterable  # which closes it too
        return
    reader = _Reader(iterable, n_items)
    try:
        reader.start()
        yield from reader.items()
    finally:
        reader.stop()


class _Reader:
    """A thread that reads an item for each token in a queue.

    A SimpleQueue stays consistent if a signal handler raises at any point.
    """

    def __init__(self, iterable, n_items):
        self._iterable = iterable
        self._items, self._tokens = SimpleQueue(), SimpleQueue()
        for _ in range(n_items):
            self._tokens.put(None)
        self._is_over = False
        # At the end of the interpreter nobody waits for a read that is under way.
        self._thread = Thread(target=self._read, name="pybackprop-reader", daemon=True)
        # What is set for the caller's thread alone, such as a with block's settings.
        self._context, self._config = copy_context(), get_config()

    def start(self):
        self._thread.start()

    def stop(self):
        """End the thread; one that is within a read ends with that."""
        self._is_over = True
        self._tokens.put(None)
        if self._thread.ident is not None:
            self._thread.join(_JOIN_TIMEOUT)

    def items(self):
        """Yield the items, in the consumer's thread."""
        while True:
            item, exception, is_end = self._next()
            if is_end:
                return
            if exception is not None:
                try:
                    raise exception
                finally:
                    del exception  # which holds this frame
            self._tokens.put(None)
            yield item
            del item  # before the next one is waited for

    def _next(self):
        while True:
            try:
                return self._items.get(timeout=_POLL_INTERVAL)
            except Empty:
                if not self._thread.is_alive() and self._items.empty():
                    raise RuntimeError(
                        "Cannot read batches in a forked child: the reading thread "
                        "does not survive fork(). Fit again, or use read_ahead=0."
                    ) from None

    def _read(self):
        with config_context(**self._config):
            self._context.run(self._read_all)

    def _read_all(self):
        try:
            for item in self._allowed(iter(self._iterable)):
                self._items.put((item, None, False))
                del item
        except BaseException as exception:
            if not self._is_over:
                self._items.put((None, exception, False))
        else:
            self._items.put((None, None, True))

    def _allowed(self, iterator):
        """Yield the items, each once there is a token; close the iterator if over."""
        while True:
            self._tokens.get()
            if self._is_over:
                break
            try:
                item = next(iterator)
            except StopIteration:
                return
            yield item
            del item
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
