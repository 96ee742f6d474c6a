"""Prints what each task returned on a host, as a line of JSON."""
import json

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: lines
type: stdout
short_description: results as lines of JSON
description: For the tests of the collection.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'stdout'
    CALLBACK_NAME = 'lines'

    def _print(self, result, **more):
        print(json.dumps(dict(host=result._host.get_name(), result=more or result._result), default=str))

    def v2_runner_on_ok(self, result):
        self._print(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._print(result, **dict(result._result, failed=True))

    def v2_runner_on_unreachable(self, result):
        self._print(result, **dict(result._result, unreachable=True))
