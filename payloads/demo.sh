#!/bin/sh
# The main job on an embedded hypervisor, from a fresh clone: `npm run demo`.
# Each command is shown before it runs; a command that does not end as it should ends the demo.
set -eu
cd "$(dirname "$0")/.."
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
export XSPLICE_HOST="embedded:$state"
demo=payloads/demo

xsplice() { # EXPECTED-EXIT ARGUMENTS…
  expected=$1
  shift
  printf '\n$ xsplice-ts %s\n' "$*"
  status=0
  node dist/bin/xsplice-ts.js "$@" 2>&1 || status=$?
  [ "$status" -eq "$expected" ] || { echo "ended with $status, not $expected" >&2; exit 1; }
}

xsplice 0 init --image $demo/xen-syms-demo
xsplice 0 check $demo/bye.livepatch $demo/hello.livepatch --image $demo/xen-syms-demo
xsplice 3 check $demo/bye.livepatch --image $demo/xen-syms-demo
xsplice 1 apply $demo/bye.livepatch --yes
xsplice 0 apply $demo/bye.livepatch $demo/hello.livepatch --yes
xsplice 0 list
xsplice 0 plan $demo/hello.livepatch
xsplice 0 replace $demo/replace.livepatch --yes
xsplice 0 list
xsplice 0 revert --to base --yes
echo
echo "Done. The same with your own: xsplice-ts init --image XEN-SYMS, then xsplice-ts apply FILE…"
