"""The report on a batch: its numbers, resemblance of uploads, the page and the summary."""
