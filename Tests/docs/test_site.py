"""The documentation as one piece: every page is in the site, every link leads somewhere, every picture has its text."""

from __future__ import annotations

import re
from pathlib import Path

from docs import markdown

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
OTHERS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]

def test_every_page_is_in_the_site() -> None:
    listed = re.findall(r": (\S+\.md)$", (ROOT / "deploy/docs/mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == [page.name for page in PAGES]


def test_every_link_leads_somewhere() -> None:
    broken = []
    for page in [f"docs/{page.name}" for page in PAGES] + OTHERS:
        for target in markdown.links(page):
            name, _, anchor = target.partition("#")
            there = ((ROOT / page).parent / name).resolve() if name else ROOT / page
            if not there.exists() or anchor and anchor not in markdown.anchors(str(there.relative_to(ROOT))):
                broken.append(f"{page}: {target}")
    assert broken == []


def test_every_picture_has_its_text() -> None:
    pictures = {path.stem for path in (ROOT / "docs/pictures").glob("*.svg")}
    assert pictures == {path.stem for path in (ROOT / "docs/pictures").glob("*.dot")} and pictures
    used = {name for page in PAGES for name in re.findall(r"\(pictures/([\w-]+)\.svg\)", page.read_text())}
    assert used == pictures
