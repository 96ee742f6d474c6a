# What a line becomes in an interactive bash: bash-line.zsh FOLDER LINE, where LINE may hold TABs. FOLDER holds the
# completion and xsplice-ts; it is written to. Prints the words of the line, one in each line.
zmodload zsh/zpty
folder=$1
rm -f $folder/words
cat > $folder/rc <<RC
PS1=
PATH=$folder:\$PATH
bind 'set enable-bracketed-paste off'
source $folder/xsplice-ts.bash
echo ready
RC
zpty shell "bash --noprofile --rcfile ${(q)folder}/rc -i"
zpty -r shell text '*ready*'
# To the start of the line, where what prints the words is put before them.
zpty -w -n shell "$2"$'\x01'"printf '%s\\n' > ${(q)folder}/words "$'\r'
for ((i = 0; i < 400; i++)); do
  zpty -r -t shell text
  [[ ! -s $folder/words ]] || break
  sleep 0.05
done
zpty -d shell
cat $folder/words
