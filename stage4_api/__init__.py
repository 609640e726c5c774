"""Stage 4: the door. Clients come through a REST API; task-managers answer as RPC services found through ZooKeeper."""
