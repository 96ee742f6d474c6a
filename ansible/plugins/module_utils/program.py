# Copyright: xsplice-ts developers
# MIT License (see LICENSE or https://opensource.org/license/mit)
"""Runs xsplice-ts on the controller. Nothing is installed on a host, and no Python of its is needed."""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import shlex
import subprocess

# What ssh is told beyond the host's name, as Ansible's own ssh connection has it.
SSH_ARGUMENTS = ('ansible_ssh_common_args', 'ansible_ssh_extra_args')


class Refused(Exception):
    """Why nothing was done, or not all: what a task fails with."""

    def __init__(self, message, **result):
        super(Refused, self).__init__(message)
        self.result = dict(result, failed=True, msg=message)


def host_of(variables):
    """The host of a play as --host takes it: its connection variables say which; a local one is the Xen beneath."""

    def get(*names):
        return next((variables[name] for name in names if variables.get(name)), None)

    if get('ansible_connection') == 'local':
        return 'xen'
    name = get('ansible_host', 'ansible_ssh_host', 'inventory_hostname')
    user = get('ansible_user', 'ansible_ssh_user')
    port = get('ansible_port', 'ansible_ssh_port')
    key = get('ansible_ssh_private_key_file', 'ansible_private_key_file')
    more = [word for option in SSH_ARGUMENTS for word in shlex.split(variables.get(option) or '')]
    if key is None and not more:
        shown = '[%s]' % name if ':' in name else name
        return 'ssh://%s%s%s' % (user + '@' if user else '', shown, ':%s' % port if port else '')
    words = ['ssh', '-T', '-o', 'BatchMode=yes'] + more
    for option, value in (('-i', key), ('-p', port), ('-l', user)):
        words += [option, str(value)] if value else []
    return 'exec:' + ' '.join(shlex.quote(word) for word in words + ['--', name])


def ask(executable, words):
    """Runs a verb and returns its document. Fails with what xsplice-ts says, in its own words."""
    command = list(executable) + list(words) + ['--json']
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise Refused('%s cannot be run: %s' % (command[0], error.strerror))
    output, errors = (text.decode('utf-8', 'replace') for text in child.communicate())
    try:
        document = json.loads(output)
    except ValueError:
        said = errors.strip() or 'nothing that is JSON'
        raise Refused('%s ended with %d and said: %s' % (command[0], child.returncode, said))
    if child.returncode == 0:
        return document
    error = document.get('error') or {}
    message = '. '.join(text for text in (error.get('message'), error.get('hint')) if text)
    raise Refused(
        message or errors.strip(),
        rc=child.returncode,
        code=error.get('code'),
        host=document.get('host'),
        findings=document.get('findings', []),
        execution=document.get('execution'),
    )


def stack_of(document):
    """Names of the applied payloads of a list, base first; those of unknown place come last."""
    applied = [one for one in document['payloads'] if one['state'] == 'APPLIED']
    placed = sorted(applied, key=lambda one: (one['position'] is None, one['position'] or 0))
    return [one['name'] for one in placed]
