#!/usr/bin/env bash
# What action.yml runs. Inputs come through the environment: no text of theirs is ever part of a script.
set -uo pipefail

if [ -n "${INPUT_EXECUTABLE:-}" ]; then
  program=("$INPUT_EXECUTABLE")
else
  program=(node "$ACTION_PATH/dist/bin/xsplice-ts.js")
fi

asked=()
add() { if [ -n "$2" ]; then asked+=("$1" "$2"); fi; }
add --config "${INPUT_CONFIG:-}"
add --image "${INPUT_IMAGE:-}"
add --since "${INPUT_SINCE:-}"
add --fail-on "${INPUT_FAIL_ON:-}"

paths=()
while IFS= read -r line; do
  if [ -n "$line" ]; then paths+=("$line"); fi
done <<<"${INPUT_PATHS:-}"

outputs=()
output() { if [ -n "$2" ]; then outputs+=(--output "$1=$2"); fi; }
output sarif "${INPUT_SARIF:-}"
output junit "${INPUT_JUNIT:-}"

"${program[@]}" check --format github "${asked[@]}" "${outputs[@]}" -- "${paths[@]}"
code=$?

if [ -n "${INPUT_REPORT:-}" ] && [ "$code" -ne 64 ]; then
  "${program[@]}" report --quiet "${asked[@]}" --output "$INPUT_REPORT" -- "${paths[@]}" || echo "::warning::The page could not be written"
fi

if [ -n "${GITHUB_OUTPUT:-}" ]; then echo "exit-code=$code" >>"$GITHUB_OUTPUT"; fi
exit "$code"
