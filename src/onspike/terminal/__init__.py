"""What the command line says. Nothing here is slow to import: help must come at once.

`live` shows what goes on, `results` what came of it, `listing` what there is to choose
from, `complete` how a word may go on, and `examples` what a command is good for.
`arguments` are those that several commands share.
"""
