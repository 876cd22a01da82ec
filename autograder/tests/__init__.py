"""Tests of the tooling. They use a miniature course (`minicourse.py`), so they hold whatever the real course contains."""
