"""The `dts` command. Each command is a click command named by an entry point in the group `dts.commands`."""
