"""Configure Sphinx for `make docs`, which builds offline and runs every script.

Three folders of scripts become galleries: examples/, tutorial/ and guide/.  The build
computes all their output and pictures with the installed package.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import pybackprop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

# --- Project and extensions -----------------------------------------------------

project = "pybackprop"
author = "The pybackprop developers"
copyright = author
version = release = pybackprop.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
# sphinx-gallery reads the scripts and writes auto_*/.
exclude_patterns = ["tutorial", "guide", "**/GALLERY_HEADER.rst", "_*"]
templates_path = ["_templates"]
nitpicky = True

# --- Prose ----------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# --- The API, from docstrings ---------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
add_module_names = False
# Methods are listed on the page of their class, so their names suffice.
toc_object_entries_show_parents = "hide"


def not_ours(app, what, name, member, skip, options):
    """Skip methods inherited from scikit-learn, which documents them."""
    member = getattr(member, "fget", None) or member
    module = getattr(member, "__module__", None) or ""
    return True if what == "class" and not module.startswith("pybackprop") else None


def setup(app):
    app.connect("autodoc-skip-member", not_ours)


# --- Galleries ------------------------------------------------------------------

# To run a single script:
# sphinx-build -D sphinx_gallery_conf.filename_pattern=examples/03 docs build/docs/html
sphinx_gallery_conf = {
    "examples_dirs": ["../examples", "tutorial", "guide"],
    "gallery_dirs": ["auto_examples", "auto_tutorial", "auto_guide"],
    "filename_pattern": "",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "generated/examples_of",
    "doc_module": ("pybackprop",),
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib", "fresh_filters.reset"),
    "parallel": 2,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "download_all_examples": False,
    "remove_config_comments": True,
}

# --- HTML without resources from the web ----------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"pybackprop {release}"
html_short_title = "pybackprop"
html_static_path = ["_static"]
html_css_files = ["pybackprop.css"]
html_show_sourcelink = False
html_copy_source = False
# A page of prose has no subpages for a sidebar.
html_sidebars = {page.stem: [] for page in sorted(HERE.glob("*.md"))}
html_theme_options = {
    "logo": {"text": f"pybackprop {release}"},
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def mathjax():
    """The path of the MathJax file that typesets formulas, with its fonts."""
    carrier = find_spec("sphinx-mathjax-offline")
    return Path(carrier.origin).parent / "static" / "mathjax" / "tex-svg-full.js"


html_static_path.append(str(mathjax()))
mathjax_path = mathjax().name
