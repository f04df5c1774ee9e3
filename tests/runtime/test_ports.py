from __future__ import annotations

import socket

import pytest

from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import require_free_port


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UserError, match=rf"port {port} of 127\.0\.0\.1 can't be taken .*another --port"):
            require_free_port(port)
    require_free_port(port)
