"""What a cluster's configuration file would say: PyFlink's local cluster reads none."""

import json
import os

from pyflink.common import Configuration


def configure(env):
    configuration = Configuration()
    for key, value in json.loads(os.environ["FLINK_TEST_SETTINGS"]).items():
        configuration.set_string(key, str(value))
    env.configure(configuration)
