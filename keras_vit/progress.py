"""A progress bar on a terminal."""


def progress(steps, description, total):
    """Yields steps, and shows on a terminal how far they are and how long the rest will take.

    Args:
        steps: An iterable.
        description: What is done, a few words.
        total: Number of steps.

    Returns:
        An iterator over the steps.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        steps,
        description=description,
        total=total,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
