"""The report on a batch: what its gradebook says about the students, the tests and the course, on one page of HTML.

    gather      a gradebook -> the records that everything else here reads
    stats       scores, cases: how hard, how telling, redundant, never failing; pure functions
    similarity  uploads that resemble each other, the stub's own lines taken out first
    charts      drawings as inline SVG
    page        the records as one HTML file that needs nothing else (templates/)
    summary     the same in short, for the terminal

Nothing here changes a grade. Whatever a student wrote, or is called, is shown as text and never as markup.
"""
