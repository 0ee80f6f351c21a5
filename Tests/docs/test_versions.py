"""Versions that stand in several places are the same everywhere."""

from __future__ import annotations

import re

import pytest

from docs.markdown import REPOSITORY, text_of

# Where it is said which Swift is needed, and how.
SWIFT = {
    "Package.swift": r"^// swift-tools-version: ([\d.]+)$",
    "README.md": r"\bSwift (\d[\d.]*) or later",
    "Tests/prepare": r"\bSwift (\d[\d.]*) or later",
    "deploy/Containerfile": r"^FROM swift:([\d.]+)-",
}


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def needed_swift() -> str:
    (version,) = re.findall(SWIFT["Package.swift"], text_of("Package.swift"), re.MULTILINE)
    return str(version)


@pytest.mark.parametrize("name", SWIFT)
def test_the_needed_swift_is_one_number(name: str) -> None:
    assert set(re.findall(SWIFT[name], text_of(name), re.MULTILINE)) == {needed_swift()}


def test_every_page_names_the_needed_swift() -> None:
    pages = [path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs").glob("*.md")]
    for page in [*pages, "CONTRIBUTING.md", "CHANGELOG.md"]:
        assert set(re.findall(r"\bSwift (\d[\d.]*) or later", text_of(page))) <= {needed_swift()}, page


def test_no_dependency_needs_a_newer_swift() -> None:
    """A package may have manifests for several releases: the oldest one counts."""
    checkouts = sorted((REPOSITORY / ".build/checkouts").glob("*"))
    if not checkouts:
        pytest.skip("the dependencies are not here: swift build")
    for package in checkouts:
        manifests = [path.read_text(encoding="utf-8") for path in package.glob("Package*.swift")]
        versions = [found[1] for text in manifests if (found := re.match(r"// ?swift-tools-version: ?([\d.]+)", text))]
        assert versions and number(min(versions, key=number))[:2] <= number(needed_swift()), package.name
