"""What every stage of dts stands on: domain, contracts, transports, store, executors, settings.

Mechanism only: nothing here knows a process, a role or a stage.
"""
