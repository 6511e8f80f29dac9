"""One device or two, one process or two: images per second, and time of the all-reduce.

    python -m benchmarks.scaling

Every set-up trains the same model on the same batch, in one part or two, in processes of its own.
These wait while another set-up has its turn. All share the machine's cores, so two devices
cannot be faster than one here: the benchmark measures what the second one costs. The all-reduce is
timed by itself, on gradients of the model's size, and compared with a whole step.

The end is a simulation, not a measurement: the efficiency of a ring all-reduce over more
accelerators, computed from the measured step, the bytes of the gradients, and the bandwidth and
latency of a link.
"""

import dataclasses
import json
import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

from keras_vit.command_line import run_recipe

SETUPS = {  # name -> processes, logical devices in each
    "1 process, 1 device": (1, 1),
    "1 process, 2 devices (Mirrored)": (1, 2),
    "2 processes, 1 device each (MultiWorker)": (2, 1),
}
ACCELERATORS = (1, 8, 16, 32, 64, 128, 256)
FASTER = (1, 10, 100, 1000)  # how many times as fast as this machine an accelerator is


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the benchmark."""

    rounds: int = 5
    """Number of turns of each set-up."""
    steps: int = 3
    """Steps per turn."""
    batch_size: int = 128
    """Images per step, over all devices."""
    bandwidth: float = 12.5
    """Gigabytes per second of an accelerator's link, each way; 12.5 are 100 Gbit/s."""
    latency: float = 20.0
    """Microseconds per message."""
    out: str = str(Path(__file__).with_suffix(".txt"))
    """File that the table is also written to."""


def ring_all_reduce(count, size, bandwidth, latency):
    """Computes the time in which accelerators sum their gradients around a ring.

    Each sends `2 (count - 1)` messages of `size / count` bytes ("Bandwidth optimal all-reduce
    algorithms for clusters of workstations", Patarasuk and Yuan, 2009).

    Args:
        count: Number of accelerators.
        size: Bytes of the gradients.
        bandwidth: Bytes per second of a link, each way.
        latency: Seconds per message.

    Returns:
        The time in seconds.
    """
    messages = 2 * (count - 1)
    return messages * (size / count / bandwidth + latency)


class Setup:
    """The processes of one set-up, which run steps on request.

    Args:
        processes: Number of processes.
        devices: Logical devices of each process.
        batch_size: Images per step, over all devices.

    Raises:
        OSError: If a process ends.
    """

    def __init__(self, processes, devices, batch_size):
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(processes)]
        workers = [f"127.0.0.1:{port.getsockname()[1]}" for port in ports]
        for port in ports:
            port.close()
        self.processes = []
        for index in range(processes):
            config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.scaling_worker", str(devices)]
                    + [str(batch_size)],
                    env={
                        **os.environ,
                        "TF_CPP_MIN_LOG_LEVEL": "3",
                        "TF_CONFIG": json.dumps(config if processes > 1 else {}),
                    },
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
        self.gradient_bytes = self._answers()[0]["gradient_bytes"]

    def measure(self, what, steps):
        """Measures steps or all-reduces of all processes at the same time.

        Args:
            what: `"step"` or `"reduce"`.
            steps: How many.

        Returns:
            Milliseconds of one in the slowest process.

        Raises:
            OSError: If a process ends.
        """
        for process in self.processes:
            process.stdin.write(f"{what} {steps}\n")
            process.stdin.flush()
        return max(answer["ms"] for answer in self._answers())

    def close(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            process.wait(timeout=60)

    def _answers(self):
        answers = []
        for process in self.processes:
            line = next((line for line in process.stdout if line.startswith("{")), None)
            if line is None:
                raise OSError(f"A process of the benchmark ended with {process.wait()}.")
            answers.append(json.loads(line))
        return answers


def run(config):
    """Measures and simulates, then prints and writes the tables; `config` is a `Config`."""
    setups = {
        name: Setup(*shape, config.batch_size) for name, shape in track(SETUPS.items(), "Starting")
    }
    for setup in track(list(setups.values()), "Warming up"):
        setup.measure("step", 2)
        setup.measure("reduce", 2)
    steps, reduces = {name: [] for name in setups}, {name: [] for name in setups}
    for _ in track(range(config.rounds), "Measuring"):
        for name, setup in setups.items():
            steps[name].append(setup.measure("step", config.steps))
            reduces[name].append(setup.measure("reduce", config.steps))
    size = next(iter(setups.values())).gradient_bytes
    for setup in setups.values():
        setup.close()
    lines = [*_measured(config, steps, reduces), "", *_simulated(config, steps, size)]
    Console().print("\n".join(lines), highlight=False, soft_wrap=True)
    Path(config.out).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _measured(config, steps, reduces):
    from benchmarks.machine import machine

    first = next(iter(steps))
    yield f"{'set-up':42}{'ms/step':>9}{'images/s':>10}{'ratio':>7}{'all-reduce':>12}{'share':>8}"
    for name, turns in steps.items():
        median, reduce = statistics.median(turns), statistics.median(reduces[name])
        ratio = statistics.median(a / b for a, b in zip(steps[first], turns, strict=True))
        share = statistics.median(a / b for a, b in zip(reduces[name], turns, strict=True))
        yield (
            f"{name:42}{median:9.1f}{1000 * config.batch_size / median:10.0f}{ratio:7.2f}"
            f"{reduce:9.1f} ms{share:8.1%}"
        )
    yield ""
    yield "ratio: images per second relative to one device, median over the rounds"
    yield "ViT d192 L6 h3, patches of 4 at 32 pixels, AdamW, XLA, float32, random data in memory"
    yield f"{config.rounds} rounds of {config.steps} steps, batch {config.batch_size} over all"
    yield machine()
    yield "python -m benchmarks.scaling"


def _simulated(config, steps, size):
    step = statistics.median(next(iter(steps.values()))) / 1000
    yield "SIMULATION, nothing of this was measured but its first two figures:"
    yield (
        f"a step of {1000 * step:.0f} ms on one device and {size / 1e6:.1f} MB of gradients; each "
        f"accelerator keeps its batch of {config.batch_size};"
    )
    yield (
        f"then a ring all-reduce over links of {config.bandwidth:g} GB/s and {config.latency:g} "
        "us, not overlapped with computing;"
    )
    yield "accelerators that compute a step 1 to 1,000 times as fast as this machine."
    yield ""
    yield f"{'accelerators':>12}{'all-reduce':>14}" + "".join(f"{f'{f}x':>9}" for f in FASTER)
    for count in ACCELERATORS:
        reduce = ring_all_reduce(count, size, 1e9 * config.bandwidth, 1e-6 * config.latency)
        efficiency = [step / faster / (step / faster + reduce) for faster in FASTER]
        row = "".join(f"{each:9.1%}" for each in efficiency)
        yield f"{count:12}{1000 * reduce:11.2f} ms{row}"


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
