"""The jars of Elasticsearch are downloaded once, and only those with the locked checksum are kept."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local import jars
from local.errors import StackError
from local.ports import HOST

CONTENT = b"a jar"
LOCK = """
[[dependencies]]
groupId = "org.example"
artifactId = "example"
version = "1.0"
packaging = "jar"
sha256 = "{}"
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that a Maven repository serves, with one jar."""
    root = tmp_path / "repository"
    jar = root / "org/example/example/1.0/example-1.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(CONTENT)

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(jars, "REPOSITORY", f"http://{HOST}:{server.server_port}")
        yield root
        server.shutdown()


def lock(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "lock.toml"
    path.write_text(LOCK.format(hashlib.sha256(content).hexdigest()))
    return path


def test_a_missing_jar_is_downloaded_once(tmp_path: Path, repository: Path) -> None:
    paths = jars.install(tmp_path / "jars", lock(tmp_path, CONTENT))
    assert [path.name for path in paths] == ["example-1.0.jar"]
    assert paths[0].read_bytes() == CONTENT
    (repository / "org/example/example/1.0/example-1.0.jar").unlink()
    assert jars.install(tmp_path / "jars", lock(tmp_path, CONTENT)) == paths


@pytest.mark.usefixtures("repository")
def test_a_download_with_another_checksum_is_discarded(tmp_path: Path) -> None:
    with pytest.raises(jars.UnexpectedChecksum, match=r"example-1\.0\.jar is not the jar"):
        jars.install(tmp_path / "jars", lock(tmp_path, b"another jar"))
    assert list((tmp_path / "jars").iterdir()) == []


def test_a_jar_that_cannot_be_downloaded_is_named(tmp_path: Path, repository: Path) -> None:
    (repository / "org/example/example/1.0/example-1.0.jar").unlink()
    with pytest.raises(StackError, match=r"Could not download example-1\.0\.jar"):
        jars.install(tmp_path / "jars", lock(tmp_path, CONTENT))
