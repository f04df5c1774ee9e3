"""Whether a port of this machine is free, asked before anything slow starts, and whether a server answers."""

from __future__ import annotations

import socket

from pipeline.runtime.errors import UserError


def require_free_port(port: int) -> None:
    """Checks that a server could listen on ``port`` of loopback.

    Raises:
        UserError: if another process does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed one lingers
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(
                f"port {port} of 127.0.0.1 can't be taken ({error.strerror}): end what listens there, or "
                "give another --port (make: PORT=)"
            ) from None


def answers(port: int) -> bool:
    """Whether something listens on ``port`` of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
