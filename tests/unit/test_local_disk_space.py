"""A start needs free space on the disk of the stack's home."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from local.__main__ import start
from local.console import Steps
from local.disk_space import BYTES_PER_PERSON, MEGABYTE, MEGABYTES_OF_A_START, check_disk_space
from local.errors import StackError
from local.home import Home
from local.settings import Settings

BEFORE = Path("/folder/that/does not exist")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The megabytes that are free."""
    megabytes = [MEGABYTES_OF_A_START]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=megabytes[0] * MEGABYTE))
    return megabytes


def test_a_start_with_enough_space_is_allowed(free: list[int]) -> None:
    check_disk_space(BEFORE, 0)
    free[0] += 15
    check_disk_space(BEFORE, 15 * MEGABYTE // BYTES_PER_PERSON)


def test_a_nearly_full_disk_is_an_error_with_the_space_that_is_needed_and_free_and_the_path(free: list[int]) -> None:
    free[0] = 3
    with pytest.raises(StackError) as error:
        check_disk_space(BEFORE, 20_000)
    assert "/folder/that/does not exist" in str(error.value)
    assert "needs 800 MB, and 3 MB are free" in str(error.value)
    assert "SYNC_HOME" in str(error.value)


def test_the_stack_checks_it_before_it_creates_anything(free: list[int], tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    free[0] = 3
    with pytest.raises(StackError, match="3 MB are free"):
        start(Settings(home=home.folder), home, Steps(Console()))
    assert not home.folder.exists()
