"""`keras-vit inspect`: prints what a LiteRT file holds."""

from pathlib import Path

from keras_vit.evaluation.litert_graph import read_litert

SHOWN = 20  # lines of each text that are printed


def inspect_file(file: Path, /, *, operators: bool = False):
    """Print size, operators, signatures and metadata of a .tflite file.

    Args:
        file: The .tflite file.
        operators: Print every operator with its types instead of the number of each kind.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # shows markup in a name as it is

    contents = read_litert(file)
    floats = sum(each.is_float for each in contents.operators)
    custom = f", {len(contents.custom)} not built into runtimes" if contents.custom else ""
    print(
        f"{file}: {contents.size:,} bytes, {len(contents.operators)} operators, {floats} of them "
        f"with floating-point numbers{custom}."
    )
    for name, (inputs, outputs) in contents.signatures.items():
        print(f"{name}: {', '.join(inputs)} -> {', '.join(outputs)}")
    table = Table(show_edge=False)
    if operators:
        for heading in ("operator", "inputs", "outputs", "place"):
            table.add_column(heading, overflow="fold")
        for each in contents.operators:
            cells = (each.name, " ".join(each.inputs), " ".join(each.outputs), each.place)
            table.add_row(*map(Text, cells))
    else:
        table.add_column("operator")
        table.add_column("number", justify="right")
        for name, count in contents.histogram.items():
            table.add_row(Text(name), str(count))
    Console().print(table)
    for name, text in contents.files.items():
        lines = text.splitlines()
        more = f" ... and {len(lines) - SHOWN:,} lines more" if len(lines) > SHOWN else ""
        print(f"{name}: {' '.join(line.strip() for line in lines[:SHOWN])}{more}")
    return 0
