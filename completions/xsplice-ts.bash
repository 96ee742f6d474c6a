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
        --host | --store | --image | --kernel | --test | --test-timeout | --accel | --build-id | --on | --xen | --check | --mode | --to | --accept | --policy | --trusted-key | --key | --password-file | --comment | --plan | --fail-on | --confirm | --timeout | --root | --as | --config | --target | --since | --output | -o | --format) pending=$word ;;
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
      --host) kinds='host' ;;
      --store) kinds='file' ;;
      --image) kinds='file' ;;
      --kernel) kinds='file' ;;
      --test) kinds='file' ;;
      --accel) list='auto kvm tcg' ;;
      --on) kinds='file' ;;
      --check) list='build-id old-code both' ;;
      --mode) list='chain alternatives independent' ;;
      --to) list='base' kinds='loaded' ;;
      --accept) list='absolute-symbol-differs alternative-outside ambiguous-symbol bound-to-stranger constructors-not-called critical-code data-prevents-reapply endbr-missing entry-code function-name-unmapped function-patched-twice hook-not-called hooks-prevent-replace import-differs init-code journal-not-writable jump-into-patch jump-table kept-in-freed-memory new-size-differs nop-falls-through nop-over-unknown-code nop-splits-instruction not-a-function old-address-not-known old-address-of-another old-size-differs patched-by-other patched-by-stranger relocations-not-performed replace-expectations-fail replace-expects-unknown-code replace-loses-hooks replace-reapplies-dirty-data second-section-ignored section-not-used trampoline-splits-instruction unload-leaves-links' ;;
      --policy) kinds='file' ;;
      --trusted-key) kinds='file' ;;
      --key) kinds='file' ;;
      --password-file) kinds='file' ;;
      --plan) kinds='file' ;;
      --fail-on) list='error warning note' ;;
      --root) kinds='file' ;;
      --as) list='auto qemu nbdkit linked xen' ;;
      --output | -o) kinds='file' ;;
      --format) list='human json sarif junit gitlab github markdown svg dot prometheus' ;;
    esac
  elif [[ -z $ended && $cur == -* ]]; then
    case $command in
      plan)
        case $verb in
          apply) options='--host --store --image --xen --check --mode --nodeps --accept --policy --trusted-key --exit-code --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
          revert) options='--host --store --image --xen --check --to --accept --policy --trusted-key --exit-code --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
          replace) options='--host --store --image --xen --check --accept --policy --trusted-key --exit-code --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
          upload) options='--host --store --image --xen --accept --policy --trusted-key --exit-code --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
          unload) options='--host --store --image --xen --accept --policy --trusted-key --exit-code --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
          load) options='--host --store --image --xen --check --nodeps --accept --policy --trusted-key --exit-code --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
          *) options='--host --store --image --xen --check --mode --nodeps --accept --policy --trusted-key --exit-code --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
        esac
        ;;
      '') options='--host --store --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h --version -V' ;;
      inspect) options='--output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      check) options='--image --build-id --xen --check --mode --fail-on --config --target --since --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      rehearse) options='--image --kernel --test --test-timeout --fatal --accel --xen --mode --fail-on --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      report) options='--image --build-id --xen --check --mode --fail-on --config --target --since --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      graph) options='--image --build-id --xen --check --mode --fail-on --config --target --since --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      diff) options='--host --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      init) options='--host --image --xen --yes -y --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      list) options='--host --store --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      apply) options='--host --store --no-store --image --xen --check --mode --nodeps --accept --policy --trusted-key --plan --dry-run -n --yes -y --confirm --timeout --keep-going --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      revert) options='--host --store --image --xen --check --to --accept --policy --trusted-key --dry-run -n --yes -y --timeout --keep-going --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      replace) options='--host --store --no-store --image --xen --check --accept --policy --trusted-key --dry-run -n --yes -y --confirm --timeout --keep-going --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      upload) options='--host --store --no-store --image --xen --accept --policy --trusted-key --dry-run -n --yes -y --keep-going --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      unload) options='--host --store --image --xen --accept --policy --trusted-key --dry-run -n --yes -y --keep-going --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      load) options='--host --store --no-store --image --xen --check --nodeps --accept --policy --trusted-key --dry-run -n --yes -y --confirm --timeout --keep-going --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      store) options='--host --store --yes -y --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      history) options='--host --store --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      undo) options='--host --store --image --xen --accept --policy --trusted-key --dry-run -n --yes -y --timeout --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      confirm) options='--host --store --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      recover) options='--host --store --image --xen --accept --policy --trusted-key --dry-run -n --yes -y --timeout --back --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      clean) options='--host --store --image --xen --accept --policy --trusted-key --dry-run -n --yes -y --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      status) options='--host --store --policy --trusted-key --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      save) options='--host --store --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      restore) options='--host --store --image --xen --accept --policy --trusted-key --dry-run -n --timeout --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      which) options='--host --image --on --xen --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      record) options='--image --on --xen --yes -y --expect --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      sign) options='--key --password-file --comment --yes -y --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      verify-signature) options='--policy --trusted-key --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      lockstep) options='--xen --running --root --as --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      agent) options='--print --output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
      explain) options='--output -o --format --json --json-schema --quiet -q --verbose -v --explain --no-color --help -h' ;;
    esac
    list=$options
  elif [[ -z $command ]]; then
    list='inspect check rehearse report graph diff init list plan apply revert replace upload unload load store history undo confirm recover clean status save restore which record sign verify-signature lockstep agent explain help'
  else
    [[ $command != plan || -z $verb ]] || command="plan $verb"
    case $command in
      inspect) kinds='file' ;;
      check) kinds='file' ;;
      rehearse) kinds='file' ;;
      report) kinds='file' ;;
      graph) kinds='file' ;;
      diff) kinds='file' ;;
      plan) list='apply revert replace upload unload load' kinds='file' ;;
      apply) kinds='file loaded' ;;
      revert) kinds='loaded file' ;;
      replace) kinds='file' ;;
      upload) kinds='file' ;;
      unload) kinds='loaded' ;;
      load) kinds='file' ;;
      store) list='add list verify remove prune' kinds='file' ;;
      history) list='show' ;;
      record) kinds='file' ;;
      sign) kinds='file' ;;
      verify-signature) kinds='file' ;;
      lockstep) kinds='file' ;;
      explain) list='absolute-symbol-differs accept-unused agent-bad-frame agent-lost agent-not-root agent-version alt-call-sites alternative-outside alternatives ambiguous-build-id ambiguous-symbol ambiguous-target applied-above applied-already assumption-failed bad-accept bad-build-id bad-host bad-timeout bound-to-stranger bug-frames busy cannot-be-taken-back change-interrupted change-taken-back change-unconfirmed changed-meanwhile code-too-long config-invalid confirm-not-armed confirm-nothing confirm-pending constructors-not-called critical-code cumulative cycle data-prevents-reapply declined dependency depends divergence does-not-attach duplicate-build-id duplicate-content duplicate-section elf-header elf-invalid elf-not-elf elf-too-large elf-truncated elf-unsupported empty-note endbr-missing entry-code exception-table exec-failed expectation-empty expectation-fails expectation-short expectation-unsupported expectations extra-notes file-changed file-not-found file-not-readable file-not-writable file-too-large folder-not-empty folder-not-trusted fork function-name-unmapped function-patched-twice functions guard-refused hook-not-called hooks hooks-prevent-replace host-no-image host-no-model hypervisor-assumed hypervisor-no-build-id image-address-unknown image-bad-note image-damaged image-debug-build image-no-build-id image-no-contents image-no-file-names image-no-memory image-no-release image-no-symbols image-too-large image-wrong-machine import-differs init-code internal-error interrupted journal-damaged journal-no-entry journal-not-writable jump-into-patch jump-table kept-in-freed-memory key-invalid libnbd-extents-32-bit link-file-kills link-file-refused link-file-short link-library-missing link-not-proven link-other-name link-symbol-missing link-version-missing lockstep-host-refused lockstep-host-unknown lockstep-hypervisor-absent lockstep-no-hosts lockstep-no-process lockstep-process-gone lockstep-process-outdated lockstep-process-unreadable lockstep-undecided lookup malformed-note metadata missing-note missing-parent name-and-size name-taken nbdkit-bad-name nbdkit-callback-missing nbdkit-callbacks-unseen nbdkit-no-entry nbdkit-other-api nbdkit-other-version nbdkit-registration-failed needs-file new-size-differs new-symbols no-host no-interpreter no-payloads no-such-payload no-target nop-falls-through nop-over-unknown-code nop-splits-instruction not-a-chain not-a-file not-a-function not-a-payload not-accepted not-an-image not-bootable not-linked not-on-hypervisor not-on-top not-reapplicable not-rehearsed not-signed not-verified nothing-to-patch nothing-to-revert old-address-not-known old-address-of-another old-code-differs old-code-overlaps old-code-unknown old-size-differs opaque-payload oversized-id own-build-id parents-not-compared patched-by-other patched-by-stranger patching patching-sections payload-bad-functions payload-bad-hook payload-bad-metadata payload-bad-name payload-bad-relocations payload-bad-symbols payload-changed payload-lost payload-metadata-cut payload-no-build-id payload-no-contents payload-no-function-name payload-no-section-names payload-no-symbols payload-too-large payload-too-many-sections payload-wrong-machine payload-wrong-type payload-wrong-version placement plan-damaged plan-of-other-host policy-blocks policy-forbids-accept policy-invalid policy-not-allowed qemu-dependency-missing qemu-next-load-aborts qemu-no-module qemu-other-build qemu-other-program qemu-other-target re-apply record-absent record-damaged record-foreign record-other-parent record-too-large record-version refused refused-by-policy rehearsal-busy rehearsal-died rehearsal-left rehearsal-lost rehearsal-not-booted rehearsal-stopped rehearsal-unavailable release-unknown relocation relocations-not-performed replace-drops-fixes replace-expectations-fail replace-expects-unknown-code replace-loses-hooks replace-reapplies-dirty-data replace-vetoed restore-blocked restore-differs return-lacks-payload reverted-before same-name save-lacks-payload save-mixed-guards second-section-ignored section-names section-not-loaded section-not-used section-table several-cumulative several-roots signature-damaged signature-uncovered signature-unknown signature-untrusted signature-wrong source-no-payloads special-sections ssh-denied ssh-failed ssh-host-key ssh-missing ssh-refused stale-plan state state-absent state-damaged state-locked state-not-flushed state-not-readable state-not-writable state-too-new stay-loaded still-applied store-ambiguous store-damaged store-no-such-payload store-not-readable store-not-writable store-too-new symbol-resolution symbol-table target-not-applied test-fails test-not-back test-not-run test-unstable test-without-effect too-many-files top-of-stack trampoline-splits-instruction trial-apply-failed trial-revert-failed trial-upload-failed undo-differs undo-interrupted undo-nothing undo-other-boot unknown-address unknown-code unknown-release unknown-revision unknown-stack unknown-symbol unload-leaves-links unverified-payload uploaded-before-parent usage vendor-build vetoing-hooks waiver-expired waiver-unused would-be-fatal would-be-fatal-next would-be-refused would-be-refused-next wrong-hypervisor wrong-image wrong-parent wrong-password xen-bad-answer xen-bad-symbols xen-build-id xen-console-failed xen-depends xen-get-failed xen-list-changing xen-list-failed xen-no-device xen-no-koffi xen-no-library xen-no-livepatch xen-no-memory xen-no-nodeps xen-not-dom0 xen-not-permitted xen-not-root xen-open-failed xen-probe-failed xen-unknown-interface xen-version-failed' ;;
      'plan apply') kinds='file loaded' ;;
      'plan revert') kinds='loaded file' ;;
      'plan replace') kinds='file' ;;
      'plan upload') kinds='file' ;;
      'plan unload') kinds='loaded' ;;
      'plan load') kinds='file' ;;
      'plan '*) kinds='file' ;;
      help) list='inspect check rehearse report graph diff init list plan apply revert replace upload unload load store history undo confirm recover clean status save restore which record sign verify-signature lockstep agent explain' ;;
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
