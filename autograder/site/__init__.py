"""The course site: handouts, executed labs, API reference, guides, milestones and the course map, as static pages.

wish.py says what is wanted and sources.py writes what Sphinx reads; labs.py, api.py (with docstrings.py), milestones.py
and course_map.py (with layout.py) make one kind of page each. builder.py runs Sphinx and the checks of links.py and
leaks.py; serve.py shows the result. Nothing here knows a particular assignment.
"""

from autograder.site.builder import Built, build_site
from autograder.site.serve import serve, server
from autograder.site.wish import Wish

__all__ = ["Built", "Wish", "build_site", "serve", "server"]
