"""The commands of `stochinf`: one file each, with `add(commands)` for its words and `run(options)` for its work.

What a command needs beyond the standard library is imported when it runs, so that help costs nothing.
"""
