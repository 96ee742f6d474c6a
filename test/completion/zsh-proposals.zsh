# What zsh proposes behind a line: zsh-proposals.zsh FOLDER LINE. FOLDER holds the completion and xsplice-ts; it is
# written to. An interactive zsh in a pseudo-terminal gets the line and a TAB; what its completion adds is printed.
zmodload zsh/zpty
folder=$1
rm -f $folder/added $folder/ended
cat > $folder/.zshrc <<'RC'
PS1=
path=($ZDOTDIR $path)
fpath=($ZDOTDIR $fpath)
autoload -Uz compinit
compinit -D -u
compadd() {
  local -a added
  # Those that only look (-O, -A, -D) are asked by completion functions themselves.
  if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
    builtin compadd -O added "$@"
    (( $#added )) && print -rl -- $added >> $ZDOTDIR/added
  fi
  builtin compadd "$@"
}
ended() { : > $ZDOTDIR/ended }
propose() {
  comppostfuncs=(ended)
  zle complete-word
}
zle -N propose
bindkey '^I' propose
print ready
RC
zpty shell "ZDOTDIR=${(q)folder} zsh -i"
zpty -r shell text '*ready*'
zpty -w -n shell "$2"$'\t'
# Whatever is said is read, so that nothing waits to be.
for ((i = 0; i < 400; i++)); do
  zpty -r -t shell text
  [[ ! -e $folder/ended ]] || break
  sleep 0.05
done
zpty -d shell
[[ -e $folder/ended ]] || { print -u2 "no completion ended: $text"; exit 1; }
[[ ! -e $folder/added ]] || sort -u $folder/added
