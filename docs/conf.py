"""How Sphinx builds these pages into a site: `sphinx-build -W -b html docs site`, without a network."""

from __future__ import annotations

from everai_autoscaler import __version__

project = "everai-autoscaler"
version = release = __version__
html_title = f"everai-autoscaler {__version__}"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
nitpicky = False

# Links between pages lead to files and headings, as they do where the repository is browsed.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
# `console` and `text` blocks hold what a terminal shows; YAML and JSON blocks have placeholders in them.
suppress_warnings = ["misc.highlighting_failure"]

autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "exclude-members": "model_config, model_post_init",
}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
python_use_unqualified_type_names = True
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
templates_path: list[str] = []
exclude_patterns: list[str] = []
