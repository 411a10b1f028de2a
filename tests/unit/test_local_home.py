"""The folder of a local stack is private, and only what the stack created is deleted."""

import os
import stat
from pathlib import Path

import pytest
from rich.console import Console

from local.__main__ import start
from local.console import Steps
from local.errors import StackError
from local.home import Home, write_private
from local.processes import Service
from local.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_owner_can_read_it_and_its_secrets(home: Home) -> None:
    home.secrets()
    home.write_stack({"password": "x"})
    assert mode(home.folder) == 0o700
    assert mode(home.folder / "secrets.json") == 0o600
    assert mode(home.folder / "stack.json") == 0o600


def test_a_file_is_private_with_any_umask_and_if_it_existed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    before = os.umask(0)
    try:
        write_private(tmp_path / "file", "new")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o600
    assert (tmp_path / "file").read_text() == "new"


def test_secrets_are_created_once(home: Home) -> None:
    assert home.secrets() == Home(home.folder).secrets()
    assert len(set(home.secrets().values())) == len(home.secrets())


def test_services_are_stored_and_read(home: Home) -> None:
    service = Service("PostgreSQL", home.log("postgres"), 5432, pid=7, started=1.5)
    home.note_service(service, "postgres")
    assert Home(home.folder).services() == {"postgres": service}
    home.forget_service("postgres")
    assert home.services() == {}


def test_a_folder_with_other_files_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(StackError, match="SYNC_HOME"):
        Home(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("folder", ["/proc/nope", "/dev/null/nope"])
def test_a_folder_that_cannot_be_created_is_not_called_a_full_disk(folder: str) -> None:
    with pytest.raises(StackError, match=rf"{folder} \(SYNC_HOME\) cannot be used: (No such file|Not a directory)"):
        start(Settings(home=Path(folder)), Home(Path(folder)), Steps(Console()))


def test_looking_whether_a_folder_can_be_used_leaves_nothing_behind(tmp_path: Path) -> None:
    Home(tmp_path / "a" / "home").check_usable()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_the_stack_did_not_create_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(StackError, match="nothing is deleted"):
        Home(tmp_path).delete()
    assert (tmp_path / "postgres").exists()


def test_only_what_the_stack_created_is_deleted(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    (home.folder / "logs").symlink_to(tmp_path / "elsewhere")
    (home.folder / "postgres").mkdir()
    (home.folder / "notes.txt").touch()
    home.delete()
    assert {path.name for path in home.folder.iterdir()} == {".sync-home", "notes.txt"}
    assert (tmp_path / "elsewhere" / "file").exists()


def test_the_folder_is_deleted_too_if_it_is_empty_then(home: Home) -> None:
    home.secrets()
    home.delete()
    assert not home.folder.exists()


def test_a_path_that_python_could_not_decode_is_written_as_it_is(tmp_path: Path) -> None:
    undecoded = os.fsencode("bücher").decode("ascii", "surrogateescape")
    write_private(tmp_path / "airflow", f"export AIRFLOW_HOME=/{undecoded}\n")
    assert (tmp_path / "airflow").read_bytes() == "export AIRFLOW_HOME=/bücher\n".encode()
