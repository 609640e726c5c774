"""Runs stages on one machine, for people and tests: servers, the local cluster, faults. Production never imports it."""
