"""The console: pages at `/` of task-api, for people who want to see what goes on and to do something about it."""
