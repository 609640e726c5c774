"""Clients of the servers and the queues built on them; each adapter translates its library's errors."""
