"""`python -m web`: the command `hejie`, where the project is not installed."""

from web.cli import main

main(prog_name="hejie")
