"""Asks TensorBoard's projector plugin, as its page does."""

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client


def opened(log_dir):
    """Returns a function of a route and its query that returns the response of the plugin."""
    log_dir = str(log_dir)
    runs = EventMultiplexer().AddRunsFromDirectory(log_dir).Reload()
    provider = MultiplexerDataProvider(runs, log_dir)
    apps = ProjectorPlugin(TBContext(logdir=log_dir, data_provider=provider)).get_plugin_apps()
    return lambda route, **query: Client(apps[route]).get(query_string=query)
