"""The command `keras-vit`."""

from keras_vit.command_line import new_app, run_app
from keras_vit.commands.check_data import check_data
from keras_vit.commands.client import client
from keras_vit.commands.embed import embed
from keras_vit.commands.export_model import export_model
from keras_vit.commands.import_weights import import_weights
from keras_vit.commands.inspect_file import inspect_file
from keras_vit.commands.predict import predict
from keras_vit.commands.serve_model import serve_model
from keras_vit.commands.show_data import show_data

app = new_app("keras-vit", "Vision Transformers from images to a served model.")
for command in (check_data, client, embed, predict, show_data):
    app.command(command)
app.command(export_model, name="export")
app.command(serve_model, name="serve")
app.command(inspect_file, name="inspect")
app.command(import_weights, name="import")


def main():
    """Runs the command."""
    run_app(app)
