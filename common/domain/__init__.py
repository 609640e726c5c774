"""What dts talks about, in pure Python: tasks, statuses, results, ids, errors. Imports no client library."""
