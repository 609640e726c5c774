"""task-api: the REST door. It knows no store; all that it says it asks of a TaskService."""
