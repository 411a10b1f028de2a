"""The jars of Elasticsearch: which ones, with which checksums, and where they are.

    python -m local.jars        resolve the current dependencies and update the lock

They are installed in the virtual environment. local/elasticsearch.lock.toml pins each by its SHA-256 checksum; a jar
with another checksum is never used.
"""

import hashlib
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.errors import StackError

VERSION = "9.5.3"
COORDINATES = ("org.elasticsearch:elasticsearch", "org.elasticsearch.plugin:transport-netty4")
REPOSITORY = "https://repo1.maven.org/maven2"  # Maven Central
LOCK = Path(__file__).with_name("elasticsearch.lock.toml")
FOLDER = Path(sys.prefix) / "share" / "elasticsearch"
PARALLEL_DOWNLOADS = 8
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Jar:
    """url: below REPOSITORY. sha256: the checksum in the lock."""

    name: str
    url: str
    sha256: str


class UnexpectedChecksum(StackError):
    """A jar is not the one that the lock names."""


def install(folder: Path = FOLDER, lock: Path = LOCK) -> list[Path]:
    """Download the missing jars, verify all checksums, and return all paths.

    Raises UnexpectedChecksum with the name of the jar, StackError if a jar cannot be downloaded.
    """
    jars = read_lock(lock)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not (folder / jar.name).exists()]
    if missing:
        print(f"Downloading {len(missing)} of {len(jars)} jars", flush=True)
        download(missing, folder)
    for jar in jars:
        path = folder / jar.name
        verify(jar, path.read_bytes(), f"Delete {path} and start again: the start downloads a new copy.")
    return [folder / jar.name for jar in jars]


def read_lock(lock: Path) -> list[Jar]:
    jars = []
    for entry in tomllib.loads(lock.read_text(encoding="utf-8"))["dependencies"]:
        classifier = f"-{entry['classifier']}" if entry.get("classifier") else ""
        name = f"{entry['artifactId']}-{entry['version']}{classifier}.{entry['packaging']}"
        group = entry["groupId"].replace(".", "/")
        jars.append(Jar(name, f"{group}/{entry['artifactId']}/{entry['version']}/{name}", entry["sha256"]))
    return jars


def download(jars: list[Jar], folder: Path) -> None:
    """A jar is moved into the folder when it is complete and verified."""
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as incoming,
        new_client() as client,
    ):

        def fetch(jar: Jar) -> None:
            try:
                content = client.get(f"{REPOSITORY}/{jar.url}").raise_for_status().content
            except httpx.HTTPError as error:
                raise StackError(f"Could not download {jar.name} from {REPOSITORY}: {error}") from error
            verify(jar, content, "The download was discarded.")
            path = Path(incoming) / jar.name
            path.write_bytes(content)
            path.replace(folder / jar.name)

        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as threads:
            list(threads.map(fetch, jars))


def new_client() -> httpx.Client:
    """A client that uses the proxies of the environment. Raises StackError if it cannot use one of them."""
    try:
        return httpx.Client(timeout=TIMEOUT_SECONDS)
    except (ImportError, ValueError, httpx.InvalidURL):  # without its text: the address may contain a password
        raise StackError(
            f"Could not download the jars from {REPOSITORY}: a proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be "
            "used. Expected http://host:port."
        ) from None


def verify(jar: Jar, content: bytes, advice: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != jar.sha256:
        raise UnexpectedChecksum(
            f"{jar.name} is not the jar that {LOCK.name} names: its SHA-256 checksum is {found}, not {jar.sha256}. "
            f"{advice}"
        )


def update_lock(lock: Path = LOCK) -> None:
    """Resolve COORDINATES with their dependencies, and write the checksums of the jars that Maven Central has now."""
    from jgo.env import LockFile  # noqa: PLC0415 - only needed here, and slow to import
    from jgo.maven import MavenContext  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder))
        inputs = [maven.create_dependency(f"{coordinate}:{VERSION}") for coordinate in COORDINATES]
        direct, transitive = maven.resolver.resolve(inputs)
        used = {dep.artifact.key: dep for dep in [*direct, *transitive] if dep.scope in (None, "compile", "runtime")}
        in_order = sorted(used.values(), key=lambda dep: (dep.groupId, dep.artifactId))
        LockFile.from_resolved_dependencies(in_order, environment_name="elasticsearch").save(lock)
    print(f"{lock}: {len(in_order)} jars")


if __name__ == "__main__":
    update_lock()
