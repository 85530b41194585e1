"""Whole messages between processes, over a stream socket."""

from __future__ import annotations

import socket
import struct

_LENGTH = struct.Struct("!Q")
_PIECE = 1 << 20


class Channel:
    """Each message goes after its length in eight bytes; one process at either end."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = bytearray()

    def fileno(self) -> int:
        """The socket's descriptor, for selectors."""
        return self._socket.fileno()

    def send(self, message: bytes) -> None:
        """Send all of it; raises OSError where nobody is at the other end."""
        self._socket.sendall(_LENGTH.pack(len(message)))
        self._socket.sendall(message)

    def receive(self) -> bytes | None:
        """Wait for the next message; None where no more will come."""
        while (message := self._next()) is None:
            piece = self._socket.recv(_PIECE)
            if not piece:
                return None
            self._received += piece
        return message

    def arrived(self) -> tuple[list[bytes], bool]:
        """Messages that are there, without waiting, and whether more can come."""
        is_open = True
        try:
            while piece := self._socket.recv(_PIECE, socket.MSG_DONTWAIT):
                self._received += piece
            is_open = False
        except BlockingIOError:
            pass
        except OSError:
            is_open = False
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages, is_open

    def close(self) -> None:
        """Let go of this end."""
        self._socket.close()

    def _next(self) -> bytes | None:
        """Take the first whole message out of what was received."""
        if len(self._received) < _LENGTH.size:
            return None
        end = _LENGTH.size + int(_LENGTH.unpack_from(self._received)[0])
        if len(self._received) < end:
            return None
        message = bytes(self._received[_LENGTH.size : end])
        del self._received[:end]
        return message
