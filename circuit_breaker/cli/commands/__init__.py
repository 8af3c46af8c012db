"""The commands, one module for each thing that people do: run, change, look, define."""
