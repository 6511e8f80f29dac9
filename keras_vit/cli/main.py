"""The command `keras-vit`."""

from keras_vit.cli.check_data import check_data
from keras_vit.cli.client import client
from keras_vit.cli.embed import embed
from keras_vit.cli.evaluate import evaluate
from keras_vit.cli.explain import explain
from keras_vit.cli.export import export_model
from keras_vit.cli.import_weights import import_weights
from keras_vit.cli.inside import inside
from keras_vit.cli.inspect import inspect_file
from keras_vit.cli.predict import predict
from keras_vit.cli.serve import serve_model
from keras_vit.cli.show_data import show_data
from keras_vit.command_line import fenced, new_app, recipe_command, run_app
from keras_vit.run import finetune, from_scratch

app = new_app("keras-vit", "Vision Transformers from images to a served model.")
for command in (check_data, client, embed, evaluate, explain, inside, predict, show_data):
    app.command(command)
app.command(export_model, name="export")
app.command(serve_model, name="serve")
app.command(inspect_file, name="inspect")
app.command(import_weights, name="import")
for name, recipe in (("finetune", finetune), ("train", from_scratch)):
    command = recipe_command(recipe.run, recipe.Config)
    app.command(command, name=name, help=fenced(recipe.__doc__))


def main():
    """Runs the command line of `keras-vit`."""
    run_app(app)
