# What bash proposes: bash-proposals.bash COMPLETION WORD… , the last word being the one under the cursor. The words
# are as bash splits them, = and : being words of their own.
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_xsplice_ts
printf '%s\n' "${COMPREPLY[@]}" | sort -u
