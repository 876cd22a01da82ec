"""Grading folders of uploads: what lies in a folder, a pool of judges over it, and the gradebook that keeps everything.

    sources    what a folder holds: a plain one, a Gradescope export, a Canvas download
    people     who a student is, by whatever name a platform, a file or a CSV calls them
    tables     reading CSV files that people wrote: rosters, extensions, marks
    marking    marks given by hand, one by one or as a CSV
    policy     extensions, late days, attempts a day, which attempt counts
    digest     what decides a score, in one number: the course's side and the upload's
    work       the unit of work: one upload, a pure function that any process on any machine can run
    pool       judges in worker processes of this machine
    cluster    judges on a Dask cluster instead; `station` is the worker's side, `parcel` an upload on its way
    gradebook  SQLite: the file, its schema and what people do with it by hand
    ledger     the gradebook's side of a batch: uploads, gradings, events
    run        a batch from its folder to its last line, and going on after a crash
    faults     where the grader itself failed, and what to do about it
    exports    the gradebook as CSV for Gradescope and Canvas, and as JSON

How one upload is graded is the matter of `autograder.grade`; nothing here changes a score.
"""
