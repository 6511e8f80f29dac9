"""Answers requests that arrive at about the same time as one batch."""

import asyncio
import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass
class _Waiting:
    inputs: np.ndarray | list
    answer: asyncio.Future


class Batcher:
    """Gathers the inputs of several requests, runs them as one batch, and distributes the outputs.

    Args:
        run: Maps inputs, an array `(B, ...)` or a list of `B` byte strings, to a dictionary of
            outputs by name, arrays `(B, ...)`; called in a thread.
        executor: A `concurrent.futures.Executor` whose threads call it.
        max_batch: Most examples per batch; a larger request runs by itself.
        wait: Seconds that the first request waits for others.
        observe: Called with the number of examples of each batch.
    """

    def __init__(
        self,
        run: Callable[[np.ndarray | list[bytes]], dict[str, np.ndarray]],
        executor,
        *,
        max_batch,
        wait,
        observe: Callable[[int], None] = lambda size: None,
    ):
        self._run, self._executor = run, executor
        self._max_batch, self._wait, self._observe = max_batch, wait, observe
        self._queue = asyncio.Queue()
        self._task = asyncio.create_task(self._serve())

    async def __call__(self, inputs):
        """Waits for the outputs of one request.

        Args:
            inputs: The inputs of the request, as `run` takes them.

        Returns:
            A dictionary of its outputs by name, arrays `(B, ...)`.

        Raises:
            Exception: Whatever `run` raises for the batch.
        """
        waiting = _Waiting(inputs, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(waiting)
        return await waiting.answer

    async def close(self):
        """Answers the requests that wait, and stops."""
        await self._queue.join()
        self._task.cancel()

    async def _serve(self):
        left = None
        while True:
            group = [left or await self._queue.get()]
            await asyncio.sleep(self._wait)
            left, size = None, len(group[0].inputs)
            while not self._queue.empty():
                waiting = self._queue.get_nowait()
                if size + len(waiting.inputs) > self._max_batch:
                    left = waiting
                    break
                group.append(waiting)
                size += len(waiting.inputs)
            await self._answer([each for each in group if not each.answer.done()])
            for _ in group:
                self._queue.task_done()

    async def _answer(self, group):
        if not group:  # none of them waits any more
            return
        sizes = [len(each.inputs) for each in group]
        self._observe(sum(sizes))
        loop = asyncio.get_running_loop()
        try:
            outputs = await loop.run_in_executor(self._executor, self._run, _join(group))
            ends = np.cumsum(sizes)
            parts = [
                {name: x[start:end] for name, x in outputs.items()}
                for start, end in zip(ends - sizes, ends, strict=True)
            ]
        except Exception as error:
            for each in group:
                if not each.answer.done():
                    each.answer.set_exception(error)
            return
        for each, part in zip(group, parts, strict=True):
            if not each.answer.done():
                each.answer.set_result(part)


def _join(group):
    if isinstance(group[0].inputs, list):
        return [example for each in group for example in each.inputs]
    return np.concatenate([each.inputs for each in group])
