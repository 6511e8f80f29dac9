r"""What a backbone has learned: nearest neighbours, a linear probe, and fine-tuning on few labels.

    python -m recipes.probe --weights runs/mae/backbone.keras --data cifar10
    python -m recipes.probe --weights backbone.keras --data cifar10 --shares 0.01 0.1 --epochs 20

The features of the whole training split are computed once, by the middle of each picture. Nearest
neighbours are those of DINO (arXiv:2104.14294, appendix F.1): 20 by cosine, each counting
`exp(cosine / 0.07)`. The linear probe is a logistic regression on standardised features, as a
BatchNorm without scale and offset makes them in MAE's (arXiv:2111.06377, appendix A.1); its
regularisation is chosen on `val`. Here it sees each picture once, and there by random crops.

Then the whole model is fine-tuned on each of `--shares` of the labels, as `keras-vit finetune` does
with the same flags; a share holds the same pictures each time. The test split is scored once for
each figure, and nothing is chosen by it. `probe.json` in the run directory holds them all.
"""

import dataclasses
import json
from pathlib import Path

from keras_vit.errors import UserError
from keras_vit.run import finetune, run_recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(finetune.Config):
    """The flags of the evaluation, and of the fine-tuning in it."""

    shares: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Shares of the labels on which the model is fine-tuned; 0 for none."""
    neighbours: int = 20
    """How many nearest training pictures vote."""
    temperature: float = 0.07
    """How much more near ones count than far ones."""
    export: bool = False

    def check(self):
        super().check()
        if not all(0 <= share <= 1 for share in self.shares):
            raise UserError(f"`shares` must lie in [0, 1]: received {self.shares}.")
        if self.neighbours < 1 or not self.temperature > 0:
            raise UserError(
                "`neighbours` must be at least 1 and `temperature` above 0: received "
                f"neighbours={self.neighbours}, temperature={self.temperature}."
            )
        if self.train_share != 1:
            raise UserError("`shares` take the place of `train_share` here.")


# The tests give it the weights of a tiny model.
SMOKE = (Config(data="digits", shares=(0.1, 1.0), epochs=2),)


def run(config):
    """Evaluates the backbone.

    Args:
        config: One of this page's configurations.

    Returns:
        Accuracies on the test split, a dictionary by what was done.

    Raises:
        ValueError: If a flag is out of its range or the weights or the data cannot be used.
    """
    from keras_vit.checkpoints import recognise
    from keras_vit.files import write_json
    from keras_vit.progress import doing
    from keras_vit.run.features import best_probe, features_of, nearest_neighbours
    from keras_vit.run.splits import run_splits

    config, source = config.opened()
    size = config.image_size or min(recognise(config.weights).architecture.config.image_size)
    whole = dataclasses.replace(config, image_size=size, batch_size=1)  # both follow each share
    source = run_splits(whole, whole.sized(source), whole.classification(source))
    print(source)
    found = features_of(config.weights, source, image_size=config.image_size)
    train, test = found["train"], found["test"]
    figures = {}

    def known(name, figure):
        figures[name] = figure
        print(f"{name}: {figure:.2%} of {len(test.labels):,} test pictures")

    with doing("asking nearest neighbours"):
        neighbours = nearest_neighbours(train, config.neighbours, config.temperature)
        right = float(neighbours.score(test.vectors, test.labels))
    known("nearest neighbours", right)
    with doing("fitting a linear probe"):
        probe = best_probe(train, found.get("val"), len(source.class_names))
    known("linear probe", probe.score(test.vectors, test.labels))
    fields = {field.name for field in dataclasses.fields(finetune.Config)}
    flags = {name: value for name, value in vars(config).items() if name in fields}
    for share in filter(None, config.shares):
        folder = Path(config.run_dir, f"labels-{share:g}")
        print(f"\nFine-tuning on {100 * share:g}% of the labels:")
        finetune.run(finetune.Config(**flags | dict(train_share=share, run_dir=str(folder))))
        results = json.loads((folder / "results.json").read_text())
        figures[f"fine-tuned on {100 * share:g}% of the labels"] = results["test_accuracy"]
    print()
    for name, figure in figures.items():
        print(f"{name}: {figure:.2%}")
    write_json(Path(config.run_dir, "probe.json"), figures)
    return figures


if __name__ == "__main__":
    run_recipe(run, Config, __doc__)
