"""Dashboards for Grafana, as code: described in boards.py, drawn by panels.py, kept beside them as JSON."""
