"""The virtual environment .venv: exactly the packages that requirements-dev.txt names, with checked hashes.

    python -I local/virtual_environment.py check    exit code 0 if the environment of this Python is complete
    python -I local/virtual_environment.py build    build .venv with this Python, unless it is complete

Called by local/virtual_environment.sh. It needs the standard library only, as it runs before anything is installed.
pip installs uv, with the hashes of the lock. uv installs the rest, in a quarter of the time that pip takes.
"""

import ast
import ensurepip
import fcntl
import filecmp
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
import zipfile
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-dev.txt"
VENV = ROOT / ".venv"

# Characters that a path must not contain: Python's search path is separated by colons, and Airflow's FAB provider puts
# its own path into a file of settings in which a percent sign begins a reference.
UNUSABLE = ":%"

MEGABYTES = 1_000  # of all packages, and of the jars that the first start of the stack adds

# A copy of the lock, written when everything is installed. An environment without it is unfinished.
INSTALLED = "installed-requirements.txt"

# Settings of pip that say where packages come from: uv has the same options. Its other settings are dropped, as they
# could put packages somewhere else (PIP_TARGET, PIP_USER) or change which ones are installed (PIP_CONSTRAINT).
SOURCES = ("index-url", "extra-index-url", "find-links")
CONNECTION = ("cert", "client-cert", "proxy", "trusted-host", "timeout")  # options of pip only
LISTS = ("extra-index-url", "find-links", "trusted-host")  # several values, separated by spaces

# Set for the call that lists the user's settings: they would change what it prints, or leave settings out.
PLAIN_LIST = {"PIP_QUIET": "0", "PIP_VERBOSE": "0", "PIP_ISOLATED": "0"}

# Settings of uv that are kept, for the same reason.
KEPT_OF_UV = re.compile(
    "UV_(INDEX_.+|KEYRING_PROVIDER|INSECURE_HOST|NATIVE_TLS|SYSTEM_CERTS|HTTP_TIMEOUT|CACHE_DIR|NO_CACHE|LINK_MODE)"
)

Command = list[str | Path]


def main() -> int:
    if sys.argv[1:] == ["check"]:
        return 0 if is_complete(Path(sys.prefix)) else 1
    with LOCK.open("rb") as lock:
        # This process holds the lock until it ends, even if it is killed.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if was_built_meanwhile():
            return 0
        try:
            return build()
        except OSError as error:
            print(f".venv cannot be created: {error}.", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("Interrupted: .venv is incomplete. The next make rebuilds it.", file=sys.stderr)
            return 130


def was_built_meanwhile() -> bool:
    """Whether another make built the environment while this one waited for it."""
    command: Command = [VENV / "bin" / "python", "-I", __file__, "check"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def is_complete(folder: Path) -> bool:
    """Whether the environment was finished with this very lock, and has every package of it in the right version.

    Run by the environment's own Python: if that has been replaced by another version, it cannot import uv.
    """
    installed = folder / INSTALLED
    if not installed.is_file() or not filecmp.cmp(LOCK, installed, shallow=False):
        return False
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - only a complete environment has it
    except ImportError:
        return False
    # Without a cache, because it may be out of date for this Python, or in a folder that cannot be written.
    command = [find_uv_bin(), *sync_arguments(folder), "--dry-run", "--offline", "--no-cache"]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    return done.returncode == 0 and "Would make no changes" in done.stderr and has_all_modules()


def has_all_modules() -> bool:
    """Whether every Python file that the packages of this environment name is there. uv only reads their names."""
    return all(
        Path(str(package.locate_file(file))).exists()
        for package in distributions()
        for file in package.files or ()
        if file.suffix == ".py"
    )


def build() -> int:
    began = time.monotonic()
    if set(UNUSABLE) & set(str(ROOT)):
        print(
            f"The path {ROOT} contains a colon or a percent sign, with which Python or Airflow cannot work. "
            "Clone the project into another folder.",
            file=sys.stderr,
        )
        return 1
    if VENV.exists():
        print(".venv is out of date or incomplete, so it is being rebuilt.", flush=True)
    print("Installing the packages of requirements-dev.txt into .venv. This takes about half a minute.", flush=True)
    remove(VENV)
    free = shutil.disk_usage(VENV.parent).free // 1_000_000
    if free < MEGABYTES:
        print(
            f"The disk of {VENV.parent} is too full: .venv needs {MEGABYTES:,} MB, and {free:,} MB are free.",
            file=sys.stderr,
        )
        return 1
    try:
        venv.create(VENV, symlinks=True)
        with tempfile.TemporaryDirectory() as folder:
            pip = unpack_pip(Path(folder))
            settings = pip_settings(pip)
            install_uv(pip, settings)
        uv: Command = [VENV / "bin" / "uv", *sync_arguments(VENV), "--quiet", *options(settings, SOURCES)]
        uv += [] if has_cache() else ["--no-cache"]
        subprocess.run(uv, env=clean_environment(settings.get("cert")), check=True)
    except subprocess.CalledProcessError as error:
        print(error.stdout or "", end="", file=sys.stderr)  # pip prints errors in its settings there
        print(f"The packages could not be installed (exit code {error.returncode}). See above.", file=sys.stderr)
        return 1
    shutil.copyfile(LOCK, VENV / INSTALLED)
    print(f"Installed in {time.monotonic() - began:.0f} s.", flush=True)
    return 0


def remove(folder: Path) -> None:
    """A link is removed, not the folder that it points to."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def unpack_pip(folder: Path) -> Command:
    """The pip that comes with this Python, as a command of the environment's Python; folder: for its files.

    ensurepip would install the same wheel, and compile all of it first: for one call that costs seconds.
    """
    wheels = [Path(ensurepip.__file__).parent / "_bundled"]
    if by_distributor := sysconfig.get_config_var("WHEEL_PKG_DIR"):
        wheels.append(Path(by_distributor))
    wheel = next(path for wheel_folder in wheels for path in wheel_folder.glob("pip-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return [VENV / "bin" / "python", "-I", folder / "pip", "--disable-pip-version-check", "--no-cache-dir"]


def install_uv(pip: Command, settings: dict[str, list[str]]) -> None:
    """The version that the lock names, with its hashes."""
    arguments = ["install", "--quiet", "--progress-bar", "off", "--no-deps", "--require-hashes"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(lines_of("uv"))
        file.flush()
        command = [*pip, *arguments, *options(settings, SOURCES + CONNECTION), "--requirement", file.name]
        subprocess.run(command, env=clean_environment(), check=True)


def has_cache() -> bool:
    """Whether the folder of uv's cache can be written. It is in the user's home, unless UV_CACHE_DIR names another."""
    command: Command = [VENV / "bin" / "uv", "--no-config", "cache", "dir"]
    done = subprocess.run(command, env=clean_environment(), check=False, stdout=subprocess.PIPE, text=True)
    try:
        Path(done.stdout.strip()).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=done.stdout.strip()).close()
    except OSError:
        return False
    return done.returncode == 0


def lines_of(name: str) -> str:
    """The part of the lock that pins one package."""
    found = re.search(rf"^{name}==.*(\n +--hash=.*)*", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise LookupError(f"{LOCK.name} does not name {name}.")
    return found[0].rstrip("\\ \n") + "\n"


def sync_arguments(folder: Path) -> list[str]:
    return ["pip", "sync", "--no-config", "--require-hashes", "--python", str(folder / "bin" / "python"), str(LOCK)]


def pip_settings(pip: Command) -> dict[str, list[str]]:
    """The values of the user's settings for pip, from files and the environment, by the names of the options."""
    environment = {name: value for name, value in os.environ.items() if name != "PIP_PYTHON"} | PLAIN_LIST
    command = [*pip, "config", "list"]
    listed = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    # One line for each setting, such as "global.index-url='https://…'".
    lines = dict(line.split("=", 1) for line in listed.splitlines())
    found = {}
    for section in ("global.", "install.", ":env:."):  # the last one takes precedence
        for key, value in lines.items():
            if key.startswith(section):
                name = key.removeprefix(section).replace("default-timeout", "timeout")
                text = str(ast.literal_eval(value))
                found[name] = text.split() if name in LISTS or not text else [text]
    return found


def options(settings: dict[str, list[str]], names: tuple[str, ...]) -> list[str]:
    """Command-line options of pip and uv: the settings with these names, and --no-index if that is set."""
    no_index = "".join(settings.get("no-index", [])).lower() in ("1", "true", "yes", "on")
    chosen = [f"--{name}={value}" for name in names for value in settings.get(name, [])]
    return [*chosen, "--no-index"] if no_index else chosen


def clean_environment(certificates: list[str] | None = None) -> dict[str, str]:
    """This process's environment without the settings of pip and uv. certificates: the path of a file of them."""
    dropped = ("PIP_", "UV_", "VIRTUAL_ENV")
    environment = {
        name: value
        for name, value in os.environ.items()
        if (KEPT_OF_UV.fullmatch(name) and value) or not name.startswith(dropped)
    }
    if certificates:
        environment["SSL_CERT_FILE"] = certificates[0]
    return environment | {"PIP_CONFIG_FILE": os.devnull}


if __name__ == "__main__":
    sys.exit(main())
