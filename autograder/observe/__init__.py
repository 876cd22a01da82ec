"""Running a student's code beside the judge: a fork server (zygote), its confined children (observers) and the judge's
handles.

`wire` is the format, `observer` and `zygote` run on the far side and hold no secret, `client` and `handles` are the
judge's.
"""
