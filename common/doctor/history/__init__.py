"""The one checker of I1 to I15: three records that know nothing of each other must tell the same of every task."""
