"""The advice for a run that is resumed with other data than it was taught before."""

import os


def same_again(kind: str, before: str, now: str) -> str:
    """What gives a run the same data again.

    Args:
        kind: the setting of `data` that chooses them, or a name with a '/' in it where nothing does.
        before: what was chosen then: a dataset's name, or the whole path of a folder of things.
        now: what is chosen now.
    """
    if "/" in kind:
        return "give the same data as before"
    if not os.path.isabs(before):
        return f"give the same data.{kind} and --data as before"
    if before == now:
        return "bring the same files back into it and set data.part as before"
    return f"name {before} or an unchanged copy of it with --teach"
