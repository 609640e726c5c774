"""Stage 3: Kafka is the bus, and task-managers own the state."""
