"""Sphinx's settings for the course site. What differs from course to course is in site.json beside this file."""

import json
from pathlib import Path

_site = json.loads((Path(__file__).parent / "site.json").read_text(encoding="utf-8"))

project = _site["project"]
version = release = _site["version"]
author = project
project_copyright = ""
html_title = project
html_short_title = project

extensions = ["myst_nb"]
templates_path = []
exclude_patterns = []
language = "en"
smartquotes = False
highlight_language = "none"
nitpicky = False

# The pages hold no formulas in TeX and no widgets; both would be fetched from elsewhere.
myst_enable_extensions = []
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True

python_maximum_signature_line_length = 76
python_display_short_literal_types = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["course.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {"navigation_with_keys": True}
pygments_style = "tango"
pygments_dark_style = "native"
