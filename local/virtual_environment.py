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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-dev.txt"
VENV = ROOT / ".venv"

# A copy of the lock, written when everything is installed. An environment without it is unfinished.
INSTALLED = "installed-requirements.txt"

# Settings that say where packages come from stay in force. All others are dropped: they could put the packages
# somewhere else (PIP_TARGET, PIP_USER) or change which ones are installed (UV_OVERRIDE, PIP_CONSTRAINT).
PIP_SOURCES = (
    *("index-url", "extra-index-url", "no-index", "find-links"),
    *("trusted-host", "cert", "client-cert", "proxy", "timeout", "default-timeout"),
)
UV_SOURCES = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_.+|EXTRA_INDEX_URL|FIND_LINKS|INSECURE_HOST|KEYRING_PROVIDER|"
    r"NATIVE_TLS|SYSTEM_CERTS|OFFLINE|HTTP_TIMEOUT|HTTP_RETRIES|CACHE_DIR|NO_CACHE|LINK_MODE|CONCURRENT_.+)"
)
# The same settings in uv, with the separator of their values. pip separates them by spaces.
SAME_IN_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
}

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
        except KeyboardInterrupt:
            print("Interrupted: .venv is incomplete. The next make builds it again.", file=sys.stderr)
            return 130


def was_built_meanwhile() -> bool:
    """By another make, while this one waited for it."""
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
    # Without its cache, which may say what was true of an earlier Python, or be in a folder that cannot be written.
    command = [find_uv_bin(), *sync_arguments(folder), "--dry-run", "--offline", "--no-cache"]
    done = subprocess.run(command, env=clean_environment({}), capture_output=True, text=True, check=False)
    return done.returncode == 0 and "Would make no changes" in done.stderr


def build() -> int:
    began = time.monotonic()
    if VENV.exists():
        print(".venv is out of date or incomplete: it is rebuilt.", flush=True)
    print("Installing the packages of requirements-dev.txt into .venv: half a minute, once.", flush=True)
    remove(VENV)
    try:
        venv.create(VENV, symlinks=True)
        with tempfile.TemporaryDirectory() as folder:
            pip = unpack_pip(Path(folder))
            sources = pip_sources(pip)
            environment = clean_environment(as_variables(sources) | uv_variables(sources))
            install_uv(pip, environment)
        no_index = sources.get("no-index", "").lower() in ("1", "true", "yes", "on")
        options = ["--quiet", *(["--no-index"] if no_index else [])]
        subprocess.run([VENV / "bin" / "uv", *sync_arguments(VENV), *options], env=environment, check=True)
    except subprocess.CalledProcessError as error:
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
    return [VENV / "bin" / "python", "-I", folder / "pip", "--disable-pip-version-check"]


def install_uv(pip: Command, environment: dict[str, str]) -> None:
    """The version that the lock names, with its hashes."""
    options = ["--quiet", "--progress-bar", "off", "--no-deps", "--require-hashes"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(lines_of("uv"))
        file.flush()
        subprocess.run([*pip, "install", *options, "--requirement", file.name], env=environment, check=True)


def lines_of(name: str) -> str:
    """The part of the lock that pins one package."""
    found = re.search(rf"^{name}==.*(\n +--hash=.*)*", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise LookupError(f"{LOCK.name} does not name {name}.")
    return found[0].rstrip("\\ \n") + "\n"


def sync_arguments(folder: Path) -> list[str]:
    return ["pip", "sync", "--no-config", "--require-hashes", "--python", str(folder / "bin" / "python"), str(LOCK)]


def pip_sources(pip: Command) -> dict[str, str]:
    """Where the user's pip takes packages from, by the names of its options: from its files and the environment."""
    listed = subprocess.run([*pip, "config", "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    # One line for each option, such as "global.index-url='https://…'".
    lines = dict(line.split("=", 1) for line in listed.splitlines())
    found = {}
    for section in ("global", "install", ":env:"):  # the last one takes precedence
        for name in PIP_SOURCES:
            if value := lines.get(f"{section}.{name}"):
                found[name] = " ".join(str(ast.literal_eval(value)).split())
    return found


def as_variables(sources: dict[str, str]) -> dict[str, str]:
    return {f"PIP_{name.upper().replace('-', '_')}": value for name, value in sources.items()}


def uv_variables(sources: dict[str, str]) -> dict[str, str]:
    """uv reads no setting of pip. Its own, if the user has set them, take precedence."""
    same = {}
    for name, (variable, separator) in SAME_IN_UV.items():
        if name in sources and variable not in os.environ:
            same[variable] = separator.join(sources[name].split())
    return same


def clean_environment(more: dict[str, str]) -> dict[str, str]:
    """This process's environment without the settings of pip and uv, except the sources of packages; plus `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "VIRTUAL_ENV"))}
    sources = {name: value for name, value in os.environ.items() if UV_SOURCES.fullmatch(name)}
    return {**kept, **sources, **more, "PIP_CONFIG_FILE": os.devnull}


if __name__ == "__main__":
    sys.exit(main())
