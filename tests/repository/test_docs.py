"""Tests that the reference has every public name and that no link is broken.

Built pages are checked if `make docs` has run.
"""

import ast
import importlib
import re
from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from support.checkout import ROOT

DOCS, PAGES = ROOT / "docs", ROOT / "build" / "docs" / "html"
GALLERIES = {
    "auto_examples": ROOT / "examples",
    "auto_tutorial": DOCS / "tutorial",
    "auto_guide": DOCS / "guide",
}
SCRIPTS = {
    f"{gallery}/{path.stem}": path
    for gallery, folder in GALLERIES.items()
    for path in sorted(folder.glob("*.py"))
}
PUBLIC = ["", ".export", ".exceptions", ".inspection", ".plotting"]

pytestmark = pytest.mark.skipif(
    not (DOCS / "conf.py").exists(), reason="needs the source tree"
)
built = pytest.mark.skipif(
    not (PAGES / "searchindex.js").exists(), reason="make docs has not been run"
)


# --- The sources ----------------------------------------------------------------------


def pages():
    """Return the text of each page written by hand, by its name."""
    paths = [*DOCS.glob("*.md"), *DOCS.glob("*.rst")]
    return {path.stem: path.read_text("utf-8") for path in sorted(paths)}


def test_every_page_is_in_a_table_of_contents():
    toctree = re.compile(
        r"^```\{toctree\}\n(.+?)^```|^\.\. toctree::\n(.+?)(?=^\S|\Z)", re.M | re.S
    )
    everything = "\n".join(pages().values())
    blocks = ["".join(found) for found in toctree.findall(everything)]
    listed = {
        re.sub(r".*<(.+)>", r"\1", line.strip())
        for block in blocks
        for line in block.splitlines()
    }
    assert set(pages()) - listed == {"index"}
    assert {f"{gallery}/index" for gallery in GALLERIES} <= listed


def public_names(module):
    """Return the names in __all__ of a module, or the public names that it defines."""
    return getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and name[0] != "_"
    ]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_in_the_reference(name):
    try:
        module = importlib.import_module(f"pybackprop{name}")
    except ModuleNotFoundError as missing:
        pytest.skip(str(missing))
    listed = set(re.findall(r"^   (\w+)$", pages()["api"], re.MULTILINE))
    listed |= set(re.findall(r"\.\. currentmodule:: pybackprop\.(\w+)", pages()["api"]))
    assert [name for name in public_names(module) if name not in listed] == []


def test_every_environment_variable_is_in_the_reference():
    sources = [*ROOT.glob("pybackprop/**/*.py"), *ROOT.glob("csrc/**/*.c")]
    text = "".join(path.read_text("utf-8") for path in sources)
    variables = set(re.findall(r'"(PYBACKPROP_\w+)"', text))
    assert {"PYBACKPROP_ISA", "PYBACKPROP_NUM_THREADS"} <= variables
    assert [name for name in variables if f"``{name}``" not in pages()["api"]] == []


@pytest.mark.parametrize("path", SCRIPTS.values(), ids=list(SCRIPTS))
def test_every_script_begins_with_a_title(path):
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    title, line, blank, *text = docstring.splitlines()
    assert line == "=" * len(title)
    assert blank == "" and len(text) > 0


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_the_links_of_the_documents_exist(path):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text("utf-8"))
    local = [link for link in links if not urlsplit(link).scheme]
    assert [link for link in local if not (ROOT / link).exists()] == []


# --- The pages that were built --------------------------------------------------------


class Page(HTMLParser):
    """The links of a page, the files that it loads, and its anchors."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.anchors = [], [], {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        for key in ("href", "src", "srcset", "data", "poster"):
            if key in attributes:
                (self.links if tag == "a" else self.loads).append(attributes[key])


@cache
def built_pages():
    # Files in _static/ are parts of the theme, not pages.
    paths = (path for path in PAGES.rglob("*.html") if "_static" not in path.parts)
    return {path: Page(path) for path in sorted(paths)}


def is_elsewhere(link):
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


def is_broken(path, link):
    """Return whether a link leads to a missing file or to a missing anchor."""
    parts = urlsplit(link)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return True
    page = built_pages().get(target)
    return page is not None and unquote(parts.fragment) not in page.anchors


@built
def test_no_link_between_the_built_pages_is_broken():
    broken = [
        f"{path.relative_to(PAGES)}: {link}"
        for path, page in built_pages().items()
        for link in page.links + page.loads
        if not is_elsewhere(link) and is_broken(path, link)
    ]
    assert broken == []
    assert len(built_pages()) > 20


@built
def test_no_built_page_loads_anything_from_the_web():
    loaded = {
        f"{path.relative_to(PAGES)}: {link}"
        for path, page in built_pages().items()
        for link in page.loads
        if is_elsewhere(link) and not link.startswith("data:")
    }
    assert loaded == set()
    for path in PAGES.rglob("*.css"):
        text = path.read_text("utf-8")
        assert re.findall(r"url\(\s*[\"']?(?:https?:)?//|@import\s+[\"']h", text) == []


@built
def test_pages_with_formulas_load_mathjax():
    with_formulas = [
        page
        for path, page in built_pages().items()
        if re.search(r'class="math\b', path.read_text("utf-8"))
    ]
    assert len(with_formulas) > 0
    for page in with_formulas:
        assert any(link.endswith("tex-svg-full.js") for link in map(bare, page.loads))


def bare(link):
    return urlsplit(link).path


@built
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_was_run(name):
    text = (PAGES / f"{name}.html").read_text("utf-8")
    assert "Total running time of the script" in text
    assert "(0 minutes 0.000 seconds)" not in text
