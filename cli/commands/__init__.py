"""The commands, a module each: `command` is what `dynasync NAME` runs."""
