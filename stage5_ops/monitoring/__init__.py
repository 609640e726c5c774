"""What builds on the figures: rules and alerts for Prometheus, routes for Alertmanager, dashboards for Grafana."""
