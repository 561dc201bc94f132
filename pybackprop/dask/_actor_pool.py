"""Holds shards in Dask actors, one per worker, and calls all of them.

Calls to actors are Dask's fastest.  An actor dies with its worker, but the shards are
futures, which the scheduler computes again: then there are new actors, and the call is
repeated.  No wait is longer than the scheduler takes to find out that a worker is gone,
and each ends at once for a KeyboardInterrupt.
"""

import asyncio
import pickle
import time
from dataclasses import dataclass
from typing import Any

_POLL_INTERVAL = 0.1  # seconds between checks that all workers are alive
_MOST_LOSSES = 5
_LONGEST_WITHOUT_WORKERS = 60.0


class _Lost(Exception):
    """A worker is gone."""


@dataclass
class Reply:
    """What an actor's method returned, or raised, and how long it took, in seconds."""

    value: Any
    raised: Exception | None
    seconds: float


def replying(method):
    """Let a method send its result, or its exception, as a Reply.

    So what an actor raises is told from what its loss raises.
    """

    def answer(self, *args):
        began = time.perf_counter()
        value = raised = None
        try:
            value = method(self, *args)
        except Exception as exception:
            raised = _sendable(exception)
        return Reply(value, raised, time.perf_counter() - began)

    return answer


def _sendable(exception):
    """Return an exception, or its message if it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(exception))
    except Exception:
        return RuntimeError(f"{type(exception).__name__}: {exception}")
    return exception


class ActorPool:
    """Calls the methods of a class on shards at the workers that hold them.

    Parameters
    ----------
    client : distributed.Client
    shards : list of Future
        In the table's order.
    make : callable
        ``make(numbers, *shards)`` makes the object that holds the shards of these
        numbers, on a worker, and cannot fail; its methods are ``replying``.
    """

    def __init__(self, client, shards, make):
        self.client = client
        self._shards = shards
        self._make = make
        self._futures = []
        self._actors = []

    def call(self, method, *args):
        """Return the Replies of all actors, once each has sent one.

        Raises
        ------
        RuntimeError
            If shards are lost that cannot be computed again, or workers are lost
            again and again.
        """
        for _ in range(_MOST_LOSSES):
            try:
                if not self._actors:
                    self._start()
                answers = self._answers(method, args)
            except _Lost:
                self._stop()
                continue
            for answer in answers:
                if answer.raised is not None:
                    raise answer.raised
            return answers
        raise RuntimeError(
            f"Workers were lost {_MOST_LOSSES} times in a row, each time before they "
            "could answer. Look for the cause in the logs of the workers: they may "
            "need more memory."
        )

    def close(self):
        """Release the actors; a call in progress ends by itself."""
        self._stop()

    def _stop(self):
        futures, self._futures, self._actors = self._futures, [], []
        release(self.client, futures)

    def _start(self):
        """Start an actor on each worker that has shards."""
        wait_for_shards(self.client, self._shards)
        for numbers, address in self._places():
            self._futures.append(
                self.client.submit(
                    self._make,
                    numbers,
                    *(self._shards[i] for i in numbers),
                    actor=True,
                    # Should that worker be gone by now, another one takes them.
                    workers=[address],
                    allow_other_workers=True,
                )
            )
        wait_while(self.client, lambda: _any_pending(self._futures))
        self._require_all()
        try:
            with self.client.as_current():  # for an actor is of the current client
                self._actors = [future.result() for future in self._futures]
        except Exception:
            self._require_all()
            raise

    def _places(self):
        """Return pairs of numbers of shards and the address that holds them."""
        holders = self.client.who_has(self._shards)
        numbers_at = {}
        for number, future in enumerate(self._shards):
            addresses = holders.get(future.key)
            if not addresses:
                raise _Lost
            # Of several, one that holds the neighbour too.
            address = max(addresses, key=lambda a: number - 1 in numbers_at.get(a, ()))
            numbers_at.setdefault(address, []).append(number)
        return [(numbers, address) for address, numbers in numbers_at.items()]

    def _answers(self, method, args):
        try:
            calls = [getattr(actor, method)(*args) for actor in self._actors]
        except RuntimeError as error:  # Dask knows already that an actor is gone
            raise _Lost from error

        async def look():
            return await _finished(calls, _POLL_INTERVAL)

        while (found := self.client.sync(look)) is None:
            self._require_all()
        if all(isinstance(answer, Reply) for answer in found):
            return found
        raise _Lost

    def _require_all(self):
        if any(future.status != "finished" for future in self._futures):
            raise _Lost


async def _finished(awaitables, timeout):
    """Results of all, or what they raised; None if some take longer than that."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        _, pending = await asyncio.wait(tasks, timeout=timeout)
    finally:
        for task in tasks:
            task.cancel()
    # Each exception is looked at, or asyncio would report it.
    raised = [task.exception() for task in tasks if task not in pending]
    if pending:
        return None
    return [e or task.result() for e, task in zip(raised, tasks, strict=True)]


def wait_for_shards(client, shards):
    """Wait until all shards are on a worker, computed or recomputed.

    Raises
    ------
    RuntimeError
        For shards that are lost for good.
    Exception
        What the first in the table's order that has failed has raised.
    """
    for number, future in enumerate(shards):
        wait_while(client, lambda future=future: future.status in ("pending", "lost"))
        if future.status == "error":
            raise future.exception()
        if future.status != "finished":
            raise RuntimeError(
                f"Rows of X, y or sample_weight are lost with their worker (part "
                f"{number + 1} of {len(shards)}), and they cannot be made again: they "
                "were scattered, or are futures whose own data is gone. Pass a "
                "collection that Dask can compute again, such as one that reads files; "
                "it stays one after persist()."
            )


def wait_while(client, is_waiting):
    """Wait while the callable returns True; RuntimeError without workers."""
    last_look = last_seen = time.monotonic()
    while is_waiting():
        time.sleep(0.01)
        now = time.monotonic()
        if now - last_look < 1:
            continue
        last_look = now
        if client.nthreads():
            last_seen = now
        elif now - last_seen > _LONGEST_WITHOUT_WORKERS:
            raise RuntimeError(
                "The cluster has had no worker for "
                f"{_LONGEST_WITHOUT_WORKERS:.0f} seconds. Start workers and fit again."
            )


def _any_pending(futures):
    return any(future.status == "pending" for future in futures)


def release(client, futures):
    """Release futures, whether they are computed or not."""
    if futures and client.status == "running":
        client.cancel(futures)
