# Copyright: xsplice-ts developers
# MIT License (see LICENSE or https://opensource.org/license/mit)
from __future__ import absolute_import, division, print_function

__metaclass__ = type

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.arguments import LIVEPATCH
from ..module_utils.program import Refused, ask, host_of

VERBS = {'applied': 'apply', 'reverted': 'revert', 'replaced': 'replace'}
# Options that take a value, by the argument that holds it.
OPTIONS = ('check', 'mode', 'image', 'xen', 'policy', 'timeout')


class ActionModule(ActionBase):
    """Brings the applied payloads of a host to what is wanted; see modules/livepatch.py."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super(ActionModule, self).run(tmp, task_vars)
        spec, arguments = self.validate_argument_spec(argument_spec=LIVEPATCH)
        try:
            result.update(self._bring(arguments, task_vars))
        except Refused as refused:
            result.update(refused.result)
        return result

    def _bring(self, arguments, task_vars):
        host = arguments['host'] or host_of(variables_of(self, task_vars))
        words = self._words(arguments) + ['--host', host]
        words += ['--dry-run'] if self._task.check_mode else ['--yes']
        document = ask(arguments['executable'], words)
        plan = document['plan']
        steps = [
            dict(action=step['action'], name=step['name'], reason=step['reason'])
            for step in plan['steps']
            if step['action'] != 'none'
        ]
        before = [one['name'] for one in plan['before']]
        # What was observed afterwards, where something was done.
        execution = document.get('execution')
        after = [one['name'] for one in (execution or plan)['after']]
        for finding in document.get('findings', []):
            if finding['severity'] == 'warning':
                Display().warning('%s: %s [%s]' % (host, finding['message'], finding['code']))
        result = dict(changed=bool(steps), host=host, steps=steps, before=before, stack=after)
        if self._task.diff:
            result['diff'] = dict(
                before=_lines(before), after=_lines(after), before_header=host, after_header=host
            )
        return result

    def _words(self, arguments):
        state, payloads = arguments['state'], arguments['payloads']
        if state == 'reverted':
            if payloads:
                raise Refused('state reverted takes no payloads: say what is to be on top with to')
            words = ['revert', '--to', arguments['to'] or 'base']
        else:
            if arguments['to'] is not None:
                raise Refused('to belongs to state reverted')
            if not payloads:
                raise Refused('state %s needs payloads' % state)
            words = [VERBS[state]] + [self._find(path) for path in payloads]
        for name in OPTIONS:
            if arguments[name] is not None:
                value = self._find(arguments[name]) if name in ('image', 'policy') else arguments[name]
                words += ['--' + name, '%g' % value if name == 'timeout' else value]
        for code in arguments['accept']:
            words += ['--accept', code]
        for key in arguments['trusted_keys']:
            words += ['--trusted-key', self._find(key)]
        return words

    def _find(self, path):
        """A file of the controller: where roles and plays keep theirs, as copy finds it."""
        try:
            return self._find_needle('files', path)
        except AnsibleError:
            # xsplice-ts says what is wrong with it.
            return path


def variables_of(plugin, task_vars):
    """The variables of a connection, with what is in them filled in."""
    return {
        name: plugin._templar.template(value)
        for name, value in (task_vars or {}).items()
        if name == 'inventory_hostname' or name.startswith('ansible_') and isinstance(value, (str, int))
    }


def _lines(names):
    return ''.join('%s\n' % name for name in names) or '(nothing applied)\n'
