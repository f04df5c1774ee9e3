"""The commands around the registry; each module is imported when its command is called."""
