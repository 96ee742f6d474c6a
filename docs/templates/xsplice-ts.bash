# Completion of xsplice-ts for bash. Made by npm run docs of docs/templates and cli/options: change it there.

# Names and build-ids of what is loaded, that begin with a word. Needs the `words` and `host` of _xsplice_ts.
_xsplice_ts_loaded() {
  local -a named=()
  [[ -z $host ]] || named=(--host "$host")
  "${words[0]}" __loaded "${named[@]}" -- "$1" 2>/dev/null
}

_xsplice_ts() {
  local IFS=$' \t\n' cur='' command='' verb='' pending='' host='' ended='' front='' breaks=''
  local options='' list='' kinds='' kind='' word='' i
  local -a words=() found=()
  # Bash splits at = and :, which are part of a word here.
  [[ $COMP_WORDBREAKS != *=* ]] || breaks+='='
  [[ $COMP_WORDBREAKS != *:* ]] || breaks+=':'
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i > 0)) && [[ $word == [=:]* || ${words[-1]} == *[=:] ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  cur=${words[-1]}
  unset 'words[-1]'

  for word in "${words[@]:1}"; do
    if [[ -n $pending ]]; then
      [[ $pending != --host ]] || host=$word
      pending=''
    elif [[ -z $ended && $word == -- ]]; then
      ended=1
    elif [[ -z $ended && $word == -* ]]; then
      [[ $word != --host=* ]] || host=${word#*=}
      case $word in
        @WITH_VALUE@) pending=$word ;;
      esac
    elif [[ -z $command ]]; then
      command=$word
    elif [[ -z $verb ]]; then
      verb=$word
    fi
  done
  if [[ -z $pending && -z $ended && $cur == --*=* ]]; then
    pending=${cur%%=*}
    cur=${cur#*=}
    [[ $breaks == *=* ]] || front="$pending="
  fi

  if [[ -n $pending ]]; then
    case $pending in
@VALUES@
    esac
  elif [[ -z $ended && $cur == -* ]]; then
    case $command in
      plan)
        case $verb in
@PLAN_OPTIONS@
        esac
        ;;
@OPTIONS@
    esac
    list=$options
  elif [[ -z $command ]]; then
    list='@COMMANDS@ help'
  else
    [[ $command != plan || -z $verb ]] || command="plan $verb"
    case $command in
@WORDS@
    esac
  fi

  mapfile -t COMPREPLY < <(compgen -W "$list" -- "$cur")
  for kind in $kinds; do
    found=()
    case $kind in
      file)
        mapfile -t found < <(compgen -f -- "$cur")
        compopt -o filenames 2>/dev/null
        ;;
      host)
        if [[ $cur == embedded:* ]]; then
          mapfile -t found < <(compgen -d -P embedded: -- "${cur#embedded:}")
        else
          mapfile -t found < <(compgen -W 'xen embedded:' -- "$cur")
        fi
        compopt -o nospace 2>/dev/null
        ;;
      loaded) mapfile -t found < <(_xsplice_ts_loaded "$cur") ;;
    esac
    COMPREPLY+=("${found[@]}")
  done
  # What stands before the last place where bash splits is there already.
  if [[ -n $breaks && $cur == *[$breaks]* ]]; then
    COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*[$breaks]}"}"}")
  fi
  [[ -z $front ]] || COMPREPLY=("${COMPREPLY[@]/#/$front}")
}

complete -F _xsplice_ts xsplice-ts
