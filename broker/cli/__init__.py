"""The commands: one program, `harkara`, one file a command or small group.

Commands are thin: they read options and files, call `client`, `protocol`, `interop` or `wiring`,
and print. Results go to stdout, everything else to stderr; `refusals` turns every expected failure
into words and an exit code. Each command is loaded when it is called (`lazy`), so that `harkara
--help` starts at once.
"""
