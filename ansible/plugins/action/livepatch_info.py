# Copyright: xsplice-ts developers
# MIT License (see LICENSE or https://opensource.org/license/mit)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible.plugins.action import ActionBase

from ..module_utils.arguments import HOST
from ..module_utils.program import Refused, ask, host_of, stack_of
from .livepatch import variables_of


class ActionModule(ActionBase):
    """Says what is loaded on a host; see modules/livepatch_info.py."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super(ActionModule, self).run(tmp, task_vars)
        spec, arguments = self.validate_argument_spec(argument_spec=HOST)
        host = arguments['host'] or host_of(variables_of(self, task_vars))
        try:
            document = ask(arguments['executable'], ['list', '--host', host])
        except Refused as refused:
            result.update(refused.result)
            return result
        result.update(
            changed=False,
            host=host,
            hypervisor=document['hypervisor'],
            payloads=document['payloads'],
            stack=stack_of(document),
        )
        return result
