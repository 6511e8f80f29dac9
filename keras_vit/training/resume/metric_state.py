"""The running sums of an epoch's metrics, as something that can be saved."""

import numpy as np

from keras_vit.errors import UserError


def metric_state(model, workers):
    """Reads the running sums of an epoch, which differ between replicas: `(R, ...)` each."""
    arrays = {}
    for number, values in enumerate(model.read_metrics()):
        values = workers.gather(values)
        arrays[f"metric/{number:03d}"] = values.reshape(-1, *values.shape[2:])
    return arrays


def set_metric_state(model, workers, arrays):
    """Gives each replica its running sums back, or their sum to the first of another number."""
    names = sorted(name for name in arrays if name.startswith("metric/"))
    now = model.read_metrics()
    if [arrays[name].shape[1:] for name in names] != [values.shape[1:] for values in now]:
        raise UserError(
            f"The checkpoint is of other metrics: it holds {len(names)} sums, and the model "
            f"{len(now)} of its own; compile it with the metrics it had."
        )
    replicas = workers.count * len(now[0])
    mine = slice(workers.index * len(now[0]), (workers.index + 1) * len(now[0]))
    values = []
    for name in names:
        saved = arrays[name]
        if len(saved) != replicas:
            saved = np.stack([saved.sum(axis=0), *[np.zeros_like(saved[0])] * (replicas - 1)])
        values.append(saved[mine])
    model.write_metrics(values)
