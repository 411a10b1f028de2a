"""The virtual environment is built from the lock, and one that is unfinished or broken is noticed and rebuilt.

The lock of these tests is a small one: uv itself and a package of a single module, both from a local folder.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import virtual_environment
from local.virtual_environment import CONNECTION, SOURCES, Command, options, pip_settings, unpack_pip

ROOT = Path(__file__).resolve().parents[2]
VERSION = "{}.{}".format(*sys.version_info[:2])
UV = distribution("uv")
WHEELS = {"uv": f"uv-{UV.version}-py3-none-any.whl", "tiny": "tiny-1.0-py3-none-any.whl"}
METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


class Clone:
    """A copy of the two programs with a lock of their own. environment: of the commands; home: the user's."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder / "clone"
        self.venv = self.folder / ".venv"
        self.python = self.venv / "bin" / "python"
        self.lock = self.folder / "requirements-dev.txt"
        self.home = folder / "home"
        (self.folder / "local").mkdir(parents=True)
        for name in ("virtual_environment.sh", "virtual_environment.py"):
            shutil.copy(ROOT / "local" / name, self.folder / "local")
        self.lock.write_text(lock_of(wheels))
        self.home.mkdir()
        # Only pip's settings say where the packages are: uv must take that from them.
        self.pip_configuration = self.home / ".config" / "pip" / "pip.conf"
        self.pip_configuration.parent.mkdir(parents=True)
        self.pip_configuration.write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "PYTHON": sys.executable}

    def command(self, *versions: str) -> list[str | Path]:
        return [self.folder / "local" / "virtual_environment.sh", *(versions or (VERSION,))]

    def make(self, *versions: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **more}
        return subprocess.run(self.command(*versions), env=environment, capture_output=True, text=True, check=False)

    def is_complete(self) -> bool:
        """The check that each call of make does."""
        command: list[str | Path] = [self.python, "-I", self.folder / "local" / "virtual_environment.py", "check"]
        try:
            return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def imports_tiny(self) -> bool:
        return subprocess.run([self.python, "-I", "-c", "import tiny"], check=False).returncode == 0


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of uv (made from what is installed) and of a tiny package."""
    folder = tmp_path_factory.mktemp("wheels")
    data = f"uv-{UV.version}.data/scripts"
    files: dict[str, bytes] = {}
    for file in UV.files or []:
        if file.name not in ("RECORD", "INSTALLER", "REQUESTED") and file.suffix != ".pyc":
            inside = f"{data}/{file.name}" if ".." in file.parts else str(file)
            files[inside] = Path(str(UV.locate_file(file))).read_bytes()
    write_wheel(folder / WHEELS["uv"], files)
    tiny = {"tiny.py": "", "tiny-1.0.dist-info/METADATA": METADATA, "tiny-1.0.dist-info/WHEEL": WHEEL}
    write_wheel(folder / WHEELS["tiny"], {name: text.encode() for name, text in tiny.items()})
    return folder


def write_wheel(path: Path, files: Mapping[str, bytes]) -> None:
    record = f"{'-'.join(path.name.split('-')[:2])}.dist-info/RECORD"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            wheel.writestr(entry, content)
        wheel.writestr(record, "".join(f"{name},,\n" for name in (*files, record)))


def lock_of(wheels: Path) -> str:
    """The hash on a line of its own, as uv writes it."""
    lines = []
    for name, file in WHEELS.items():
        version = file.split("-")[1]
        hashed = hashlib.sha256((wheels / file).read_bytes()).hexdigest()
        lines.append(f"{name}=={version} \\\n    --hash=sha256:{hashed}\n    # via -r requirements-dev.in\n")
    return "# A comment\n" + "".join(lines)


@pytest.fixture
def clone(tmp_path: Path, wheels: Path) -> Clone:
    """Without an environment."""
    return Clone(tmp_path, wheels)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Clone:
    """With a finished environment, not to be changed. It was built under settings that are to have no effect."""
    folder = tmp_path_factory.mktemp("finished")
    clone = Clone(folder, wheels)
    done = clone.make(**hostile_settings(clone, folder))
    assert done.returncode == 0, done.stderr
    return clone


def hostile_settings(clone: Clone, folder: Path) -> dict[str, str]:
    """Settings in files and, returned, in the environment: packages into another folder, in other versions."""
    elsewhere, constraints = str(folder / "elsewhere"), folder / "constraints.txt"
    constraints.write_text("tiny==2.0\n")
    with clone.pip_configuration.open("a") as file:
        file.write(f"user = true\nrequire-virtualenv = true\n[install]\ntarget = {elsewhere}\n")
    uv_configuration = clone.home / ".config" / "uv" / "uv.toml"
    uv_configuration.parent.mkdir()
    uv_configuration.write_text(f'[pip]\ntarget = "{elsewhere}"\n')
    return {
        **{"PIP_USER": "1", "PIP_TARGET": elsewhere, "PIP_PREFIX": elsewhere, "PIP_REQUIRE_VIRTUALENV": "1"},
        **{"PIP_CONSTRAINT": str(constraints), "PIP_DRY_RUN": "1", "UV_CONSTRAINT": str(constraints)},
        **{"UV_PYTHON": "3.8", "UV_SYSTEM_PYTHON": "1", "UV_PROJECT_ENVIRONMENT": elsewhere},
        **{"UV_REQUIRE_HASHES": "0", "UV_EXCLUDE_NEWER": "2001-01-01", "UV_CACHE_DIR": "/proc/cannot be created"},
        **{"UV_NO_CACHE": ""},
        **{"VIRTUAL_ENV": elsewhere, "PYTHONPATH": elsewhere, "PYTHONHOME": elsewhere},
    }


@pytest.fixture
def built(clone: Clone, finished: Clone) -> Clone:
    """With a copy of the finished environment, to be damaged."""
    shutil.copytree(finished.venv, clone.venv, symlinks=True, copy_function=link_or_copy)
    return clone


def link_or_copy(source: str, copy: str) -> None:
    """The binary of uv is large, and no test changes it."""
    if Path(source).name == "uv":
        os.link(source, copy)
    else:
        shutil.copy2(source, copy)


def test_the_environment_is_complete_regardless_of_the_users_settings(finished: Clone) -> None:
    assert finished.imports_tiny()
    assert finished.is_complete()
    assert not (finished.folder.parent / "elsewhere").exists()


def test_the_environment_is_built_once(finished: Clone) -> None:
    again = finished.make()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_search_path_of_the_shell_for_folders_has_no_effect(finished: Clone) -> None:
    """make calls the program by its relative path. CDPATH has another folder named local: /usr/local."""
    done = subprocess.run(
        ["local/virtual_environment.sh", VERSION],
        cwd=finished.folder,
        env={**finished.environment, "CDPATH": "/usr"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["a:b", "100%"])
def test_a_folder_with_a_name_that_cannot_be_used_is_refused(tmp_path: Path, wheels: Path, name: str) -> None:
    done = Clone(tmp_path / name, wheels).make()
    assert done.returncode == 1
    assert "contains a colon or a percent sign" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(virtual_environment, "VENV", Path("/proc/.venv"))
    monkeypatch.setattr(virtual_environment, "MEGABYTES", 0)
    monkeypatch.setattr(sys, "argv", ["virtual_environment.py", "build"])
    assert virtual_environment.main() == 1
    error = capfd.readouterr().err
    assert error == ".venv cannot be created: [Errno 2] No such file or directory: '/proc/.venv'.\n"


def test_a_disk_that_is_too_full_for_the_packages_is_an_error_with_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(virtual_environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=263_000_000))
    assert virtual_environment.build() == 1
    error = capfd.readouterr().err
    assert error == f"The disk of {tmp_path} is too full: .venv needs 1,000 MB, and 263 MB are free.\n"
    assert not list(tmp_path.iterdir())


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """With a home of its own, and no other settings."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".config" / "pip").mkdir(parents=True)
    return unpack_pip(tmp_path / "pip")


SETTINGS_OF_PIP = """\
[global]
index-url = https://packages.example/simple
extra-index-url = https://one.example https://two.example
cert = /my certificates/all.pem
"""


@pytest.mark.parametrize("setting", ["quiet = 2", "verbose = 1", "isolated = true", "no-index ="])
@pytest.mark.parametrize("place", ["file", "environment"])
def test_settings_of_pip_are_read_regardless_of_those_for_its_output(
    pip: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, place: str
) -> None:
    name, value = (part.strip() for part in setting.split("="))
    if place == "environment":
        monkeypatch.setenv(f"PIP_{name.upper().replace('-', '_')}", value)
    more = f"{setting}\n" if place == "file" else ""
    (tmp_path / "home" / ".config" / "pip" / "pip.conf").write_text(SETTINGS_OF_PIP + more)
    assert options(pip_settings(pip), SOURCES + CONNECTION) == [
        "--index-url=https://packages.example/simple",
        "--extra-index-url=https://one.example",
        "--extra-index-url=https://two.example",
        "--cert=/my certificates/all.pem",
    ]


def test_an_invalid_setting_of_pip_is_named(clone: Clone) -> None:
    done = clone.make(PIP_TIMEOUT="soon")
    assert done.returncode == 1
    assert "invalid floating-point value: 'soon'" in done.stderr


def test_a_copy_of_the_environment_is_complete(built: Clone) -> None:
    """Otherwise the tests of damaged copies would prove nothing."""
    assert built.is_complete()


def dangling_python(clone: Clone) -> None:
    clone.python.unlink()
    clone.python.symlink_to("/nowhere/python3")


def another_python_version(clone: Clone) -> None:
    """The new one looks for packages in a folder of its own."""
    (clone.venv / "lib" / f"python{VERSION}").rename(clone.venv / "lib" / "python3.10")


def no_python(clone: Clone) -> None:
    """As in an environment whose Python crashes."""
    clone.python.unlink()
    clone.python.write_text("#!/bin/sh\nexit 3\n")
    clone.python.chmod(0o755)


def changed_lock(clone: Clone) -> None:
    clone.lock.write_text(clone.lock.read_text() + "# changed\n")


def unfinished(clone: Clone) -> None:
    (clone.venv / "installed-requirements.txt").unlink()


def half_written_note(clone: Clone) -> None:
    os.truncate(clone.venv / "installed-requirements.txt", 20)


def missing_package(clone: Clone) -> None:
    uv: list[str | Path] = [
        clone.venv / "bin" / "uv",
        "--quiet",
        "--no-config",
        "pip",
        "uninstall",
        "--python",
        clone.python,
        "tiny",
    ]
    subprocess.run(uv, env=clone.environment, check=True)


def missing_module(clone: Clone) -> None:
    """What pip and uv know of the package is still there."""
    (module,) = clone.venv.glob("lib/python*/site-packages/tiny.py")
    module.unlink()


DAMAGE = [
    dangling_python,
    another_python_version,
    no_python,
    changed_lock,
    unfinished,
    half_written_note,
    missing_package,
    missing_module,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_broken_or_outdated_environment_is_noticed(built: Clone, damage: Callable[[Clone], None]) -> None:
    damage(built)
    assert not built.is_complete()


def test_an_interrupted_and_broken_environment_is_rebuilt(clone: Clone) -> None:
    with subprocess.Popen(clone.command(), env=clone.environment, start_new_session=True) as process:
        while not clone.python.exists():
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    assert not clone.is_complete()
    dangling_python(clone)
    (clone.venv / "left over").touch()
    done = clone.make()
    assert done.returncode == 0, done.stderr
    assert "rebuilt" in done.stdout
    assert clone.is_complete()
    assert not (clone.venv / "left over").exists()


@pytest.mark.parametrize("package", ["uv", "tiny"])
def test_a_package_with_another_hash_is_not_installed(clone: Clone, wheels: Path, package: str) -> None:
    right = hashlib.sha256((wheels / WHEELS[package]).read_bytes()).hexdigest()
    clone.lock.write_text(clone.lock.read_text().replace(right, "0" * 64))
    done = clone.make()
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert right in done.stdout + done.stderr
    assert not clone.is_complete()


def test_a_link_to_another_environment_is_replaced_and_its_target_stays(clone: Clone, finished: Clone) -> None:
    clone.venv.symlink_to(finished.venv)
    changed_lock(clone)
    done = clone.make()
    assert done.returncode == 0, done.stderr
    assert not clone.venv.is_symlink()
    assert finished.is_complete()


def fake_python(folder: Path, version: str) -> Path:
    """Prints its version if asked for it, and otherwise the command that it would run."""
    path = folder / f"python{version}"
    lines = [
        "#!/bin/sh",
        f'case "$3" in *version_info*) echo {version} && exit ;; import*) exit ;; esac',
        'echo "$0 runs $(basename "$2") $3"',
    ]
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("options", [[], ["--find"]])
@pytest.mark.parametrize("version", ["3.10", "3.15", "3.13t"])
def test_an_unsupported_python_is_refused_and_the_supported_versions_are_listed(
    clone: Clone, tmp_path: Path, version: str, options: list[str]
) -> None:
    python = fake_python(tmp_path, version)
    done = clone.make(*options, "3.11", "3.12", "3.13", "3.14", PYTHON=str(python))
    assert done.returncode == 1
    assert "supports Python 3.11 to 3.14" in done.stderr
    assert f"{python}: {version}\n" in done.stderr
    assert not clone.venv.exists()


def test_a_python_that_the_lock_supports_is_found_without_a_build(clone: Clone, tmp_path: Path) -> None:
    done = clone.make("--find", "3.13", PYTHON=str(fake_python(tmp_path, "3.13")))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not clone.venv.exists()


def test_the_newest_supported_python_is_used_if_python3_is_not_supported(clone: Clone, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    fake_python(folder, "3.15").rename(folder / "python3")
    fake_python(folder, "3.11")
    fake_python(folder, "3.13")
    done = clone.make("3.11", "3.12", "3.13", "3.14", PYTHON="", PATH=f"{folder}:/usr/bin:/bin")
    assert done.stdout == f"{folder}/python3.13 runs virtual_environment.py build\n"
