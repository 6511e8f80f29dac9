"""Closes connections over which no request arrives."""

from uvicorn.protocols.http.h11_impl import H11Protocol


class Impatient(H11Protocol):
    """Closes a connection that does not send the whole header of a request in time.

    uvicorn itself waits without limit for the first header, and for the rest of one that has begun.
    The limit is uvicorn's `timeout_keep_alive`, in seconds.
    """

    def connection_made(self, transport):
        """Starts the time limit for the first header; `transport` is the new connection."""
        super().connection_made(transport)
        self._deadline = None
        self._wait()

    def data_received(self, data):
        """Takes `data`, the next bytes; the time limit goes on until the header is complete."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc):
        """Ends the time limit; `exc` is the reason of the loss, or `None`."""
        super().connection_lost(exc)
        self._stop_waiting()

    def on_response_complete(self):
        """Starts the time limit for the next header."""
        super().on_response_complete()
        self._wait()

    def _wait(self):
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.transport.is_closing():
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.timeout_keep_alive, self.transport.close)

    def _stop_waiting(self):
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
