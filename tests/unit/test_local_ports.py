"""Which port a service of the local stack gets."""

import socket
from collections.abc import Iterator

import pytest

from local.errors import StackError
from local.ports import HOST, any_free_port, choose_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_with_a_listener_is_not_free(taken: int) -> None:
    assert not is_free(taken)
    assert is_free(any_free_port())


def test_a_taken_default_port_is_skipped(taken: int) -> None:
    assert choose_port("SYNC_AIRFLOW_PORT", None, taken) > taken


def test_the_port_of_another_service_is_skipped() -> None:
    port = any_free_port()
    assert choose_port("SYNC_AIRFLOW_PORT", None, port, given=[port]) > port


def test_a_taken_port_that_was_requested_is_an_error_that_names_it(taken: int) -> None:
    with pytest.raises(StackError, match=f"Port {taken} .* SYNC_AIRFLOW_PORT"):
        choose_port("SYNC_AIRFLOW_PORT", taken, 8080)


def test_a_port_requested_for_two_services_is_an_error() -> None:
    port = any_free_port()
    with pytest.raises(StackError, match="is taken"):
        choose_port("SYNC_AIRFLOW_PORT", port, 8080, given=[port])
