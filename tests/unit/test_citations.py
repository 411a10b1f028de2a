"""Every document that a file names exists, with the section that it cites; every link in a document leads somewhere.

    docs/domain.md, "Missed nights"                  a citation: the path from the root, a comma, a heading in quotes
    docs/domain.md, "Restart" and "Missed nights"    two sections of the same document

Code, SQL, settings and tests name a document in this way only. Documents link to each other; what they cite in this
form is checked too.
"""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A name in quotes of its own is a file that a program reads or writes, and no citation.
NAMED = re.compile(r"""(?<![\w./"'-])(?P<path>[\w./-]+\.md)\b(?P<sections>(?:(?:,|\s+and)\s+"[^"]+")*)""")
SECTION = re.compile(r'"([^"]+)"')
# The beginning of a line of a comment in Python, SQL, shell or JavaScript: a citation may go on behind it.
COMMENT = re.compile(r"\n[ \t]*(?:#|--|//|\*)?[ \t]*")

HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# A path from the root in a document, as code; a path with a placeholder does not count.
PATH = re.compile(r"`((?:bench|dags|deploy|docs|include|local|plugins|tests)/[\w./-]+)`")
ELSEWHERE = re.compile(r"[a-z]+:", re.IGNORECASE)


@cache
def files() -> tuple[str, ...]:
    """The project's own text files, as paths from its root: what git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    own = [name for name in listed if (ROOT / name).is_file() and "/vendor/" not in name]
    return tuple(name for name in own if not name.endswith((".png", ".ico")))


def documents() -> tuple[str, ...]:
    return tuple(name for name in files() if name.endswith(".md"))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def headings(document: str) -> tuple[str, ...]:
    """The headings as a reader sees them: without marks for code and without links."""
    found = HEADING.findall(FENCED.sub("", text_of(document)))
    return tuple(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in found)


def anchors(document: str) -> set[str]:
    """What a link to a section of the document may name: the heading in small letters, with hyphens for blanks."""
    known: set[str] = set()
    for heading in headings(document):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{slug}-{number}" if number else slug) in known:
            number += 1
        known.add(anchor)
    return known


def citations(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each document that a text names, with the sections that it cites of it."""
    for match in NAMED.finditer(COMMENT.sub(" ", text)):
        yield match["path"], SECTION.findall(match["sections"])


def wrong_citations(text: str) -> list[str]:
    """The citations in a text that do not exist."""
    wrong = []
    for path, sections in citations(text):
        if not (ROOT / path).is_file():
            wrong.append(f"{path} does not exist: name it by its path from the root")
            continue
        wrong += [f'{path} has no section "{section}"' for section in sections if section not in headings(path)]
    return wrong


def wrong_links(document: str) -> list[str]:
    """The relative links of a document that lead nowhere."""
    wrong = []
    for target in LINK.findall(FENCED.sub("", text_of(document))):
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = unquote(target).partition("#")
        linked = (ROOT / document).parent / path if path else ROOT / document
        if not linked.exists():
            wrong.append(f"{target}: there is no such file")
        elif anchor and anchor not in anchors(str(linked.resolve().relative_to(ROOT))):
            wrong.append(f"{target}: that document has no such section")
    return wrong


def test_every_citation_in_code_and_tests_names_a_section_that_exists() -> None:
    code = [name for name in files() if not name.endswith((".md", "test_citations.py"))]
    wrong = [f"{name}: {what}" for name in code for what in wrong_citations(text_of(name))]
    assert not wrong, "\n".join(wrong)


def test_every_citation_in_a_document_names_a_section_that_exists() -> None:
    cited = [(name, path, section) for name in documents() for path, of in citations(text_of(name)) for section in of]
    wrong = [f'{name}: {path}, "{section}"' for name, path, section in cited if section not in headings(path)]
    assert not wrong, "\n".join(wrong)


def test_code_cites_the_contract() -> None:
    code = [name for name in files() if name.startswith(("plugins/", "include/"))]
    assert "docs/domain.md" in {path for name in code for path, _ in citations(text_of(name))}


@pytest.mark.parametrize("document", documents())
def test_every_link_in_a_document_has_a_target(document: str) -> None:
    assert wrong_links(document) == []


@pytest.mark.parametrize("document", documents())
def test_every_path_that_a_document_names_exists(document: str) -> None:
    named = PATH.findall(FENCED.sub("", text_of(document)))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_document_is_linked_from_another_one() -> None:
    linked = {
        ((ROOT / document).parent / unquote(target.partition("#")[0])).resolve()
        for document in documents()
        for target in LINK.findall(text_of(document))
        if not ELSEWHERE.match(target)
    }
    assert [name for name in documents() if name != "README.md" and (ROOT / name) not in linked] == []


def test_a_citation_is_found_across_lines_of_a_comment() -> None:
    text = '# The rule of the contract (docs/domain.md,\n    # "Missed nights" and "Restart").'
    assert list(citations(text)) == [("docs/domain.md", ["Missed nights", "Restart"])]


def test_a_citation_of_a_section_that_does_not_exist_is_found() -> None:
    assert wrong_citations('(docs/domain.md, "No such section")') == ['docs/domain.md has no section "No such section"']


def test_a_document_that_is_not_named_by_its_path_from_the_root_is_found() -> None:
    assert wrong_citations("as domain.md says") == ["domain.md does not exist: name it by its path from the root"]
