"""Malicious submissions. `programs/` holds real ones, a file each; `uploads` builds hostile files and zips; `replies`
holds messages forged on the wire; `course` is the small course under attack; `arena` runs one attack and says what went
wrong.
"""
