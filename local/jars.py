"""The jars of Elasticsearch: which ones, with which checksums, and where they are.

    python -m local.jars        resolve the current dependencies and update the lock

They are installed in the virtual environment. local/elasticsearch.lock.toml pins each by its SHA-256 checksum; a jar
with another checksum is never used.
"""

import hashlib
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.env import LockedDependency, LockFile
from jgo.maven import Artifact, MavenContext

from local.errors import StackError

VERSION = "9.5.3"
COORDINATES = ("org.elasticsearch:elasticsearch", "org.elasticsearch.plugin:transport-netty4")
LOCK = Path(__file__).with_name("elasticsearch.lock.toml")
FOLDER = Path(sys.prefix) / "share" / "elasticsearch"
DOWNLOADS_AT_ONCE = 8


class UnexpectedChecksum(StackError):
    """A jar is not the one that the lock names."""


def install(folder: Path = FOLDER, lock: Path = LOCK) -> list[Path]:
    """Download the missing jars, verify all checksums, and return all paths.

    Raises UnexpectedChecksum with the name of the jar, StackError if a jar cannot be downloaded.
    """
    wanted = LockFile.load(lock).dependencies
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in wanted if not (folder / file_name(jar)).exists()]
    if missing:
        print(f"Downloading {len(missing)} of {len(wanted)} jars", flush=True)
        download(missing, folder)
    paths = [folder / file_name(jar) for jar in wanted]
    for jar, path in zip(wanted, paths, strict=True):
        verify(jar, path, f"Delete {path} and start again: it is downloaded again then.")
    return paths


def download(jars: list[LockedDependency], folder: Path) -> None:
    """A jar is moved into the folder when it is complete and verified."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as incoming:
        maven = MavenContext(repo_cache=Path(incoming))

        def fetch(jar: LockedDependency) -> None:
            try:
                path = artifact(maven, jar).resolve()
            except (OSError, RuntimeError) as error:
                raise StackError(f"Could not download {file_name(jar)}: {error}") from error
            verify(jar, path, "The download was discarded.")
            os.replace(path, folder / file_name(jar))

        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as threads:
            list(threads.map(fetch, jars))


def verify(jar: LockedDependency, path: Path, advice: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise UnexpectedChecksum(
            f"{path.name} is not the jar that {LOCK.name} names: its SHA-256 checksum is {found}, not {jar.sha256}. "
            f"{advice}"
        )


def artifact(maven: MavenContext, jar: LockedDependency) -> Artifact:
    component = maven.project(jar.groupId, jar.artifactId).at_version(jar.version)
    return component.artifact(jar.classifier or "", jar.packaging)


def file_name(jar: LockedDependency) -> str:
    suffix = f"-{jar.classifier}" if jar.classifier else ""
    return f"{jar.artifactId}-{jar.version}{suffix}.{jar.packaging}"


def renew_lock(lock: Path = LOCK) -> None:
    """Resolve COORDINATES with their dependencies, and write the checksums of the jars that Maven Central has now."""
    with tempfile.TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder))
        inputs = [maven.create_dependency(f"{coordinate}:{VERSION}") for coordinate in COORDINATES]
        direct, transitive = maven.resolver.resolve(inputs)
        used = {dep.artifact.key: dep for dep in [*direct, *transitive] if dep.scope in (None, "compile", "runtime")}
        in_order = sorted(used.values(), key=lambda dep: (dep.groupId, dep.artifactId))
        LockFile.from_resolved_dependencies(in_order, environment_name="elasticsearch").save(lock)
    print(f"{lock}: {len(in_order)} jars")


if __name__ == "__main__":
    renew_lock()
